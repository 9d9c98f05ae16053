import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { later, milliseconds } from '@weft/base'
import { systemAlarm, systemClock } from '../src/index.ts'

describe('the system clock', () => {
  it('counts milliseconds since the machine started, and never steps back', () => {
    const uptime = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000
    const now = systemClock()
    assert.ok(now.instant >= uptime - 20 && now.instant < uptime + 5_000, `${now.instant} against ${uptime}`)
    assert.ok(systemClock().instant >= now.instant)
    assert.ok(Math.abs(now.wall - Date.now()) < 5_000)
  })
})

describe('an alarm', () => {
  it('rings once its moment has come, and not before', async () => {
    const at = later(systemClock().instant, milliseconds(30))
    await new Promise<void>((resolve) => systemAlarm().set(at, resolve))
    assert.ok(systemClock().instant >= at)
  })

  it('rings at once for a moment that has passed', async () => {
    await new Promise<void>((resolve) => systemAlarm().set(later(systemClock().instant, milliseconds(-50)), resolve))
  })

  it('that is set anew forgets what was set', async () => {
    const alarm = systemAlarm()
    const rung: string[] = []
    const { instant } = systemClock()
    alarm.set(later(instant, milliseconds(1)), () => rung.push('first'))
    await new Promise<void>((resolve) => alarm.set(later(instant, milliseconds(30)), resolve))
    assert.deepEqual(rung, [])
  })

  it('can be set far beyond what a timer takes, and be taken back', async () => {
    const alarm = systemAlarm()
    const rung: string[] = []
    alarm.set(later(systemClock().instant, milliseconds(2 ** 40)), () => rung.push('far'))
    await new Promise<void>((resolve) => systemAlarm().set(later(systemClock().instant, milliseconds(20)), resolve))
    alarm.set(undefined, () => {})
    assert.deepEqual(rung, [])
  })
})
