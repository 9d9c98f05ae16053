import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Core,
  CoreRunner,
  earliest,
  type Instant,
  instant,
  later,
  type Now,
  seconds,
  wallTime,
} from '../src/index.ts'

/** Answers each number with that many outputs, and wants to be woken a second after the last input. */
class Echo implements Core<number, string> {
  readonly #outputs: string[] = []
  #deadline: Instant | undefined

  handle(input: number, now: Now): void {
    for (let i = 1; i <= input; i++) this.#outputs.push(`${input}.${i}`)
    this.#deadline = later(now.instant, seconds(1))
  }

  wake(now: Now): void {
    if (this.#deadline === undefined || now.instant < this.#deadline) return
    this.#deadline = undefined
    this.#outputs.push('woken')
  }

  poll(): string | undefined {
    return this.#outputs.shift()
  }

  nextTimeout(): Instant | undefined {
    return this.#deadline
  }
}

test('everything that a core answers is acted upon, in order, also what acting brings about', () => {
  const { runner, acted } = start((output) => {
    if (output === '2.1') runner.tell(1)
  })

  runner.tell(2)

  assert.deepEqual(acted, ['2.1', '2.2', '1.1'])
})

test('the alarm always holds the next deadline, and ringing drains the core', () => {
  const { runner, acted, alarm, time } = start()

  runner.tell(0)
  assert.equal(alarm.at, 1000)
  time.now = 1000
  alarm.ring()

  assert.deepEqual(acted, ['woken'])
  assert.equal(alarm.at, undefined)
})

test('an action that throws does not keep the next input from being acted upon', () => {
  const { runner, acted } = start((output) => {
    if (output === '1.1' && acted.length === 1) throw new Error('once')
  })

  assert.throws(() => runner.tell(1), /once/)
  runner.tell(2)

  assert.deepEqual(acted, ['1.1', '2.1', '2.2'])
})

test('the earliest of several moments is the least that is set', () => {
  assert.equal(earliest(undefined, instant(5), instant(3), undefined), 3)
  assert.equal(earliest(undefined), undefined)
})

function start(onAct: (output: string) => void = () => {}) {
  const acted: string[] = []
  const time = { now: 0 }
  const alarm = { at: undefined as Instant | undefined, ring: () => {} }
  const runner = new CoreRunner({
    core: new Echo(),
    clock: () => ({ instant: instant(time.now), wall: wallTime(0) }),
    alarm: {
      set(at, ring) {
        alarm.at = at
        alarm.ring = ring
      },
    },
    act(output) {
      acted.push(output)
      onAct(output)
    },
  })
  return { runner, acted, alarm, time }
}
