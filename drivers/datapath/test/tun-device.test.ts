import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { openTun } from '../src/tun-device.ts'

const skip =
  process.getuid?.() !== 0 ? 'needs root' : existsSync('/dev/net/tun') ? false : 'this machine has no /dev/net/tun'

test('a TUN has the name and the MTU that were asked for, and ends with its port', { skip }, () => {
  const tun = openTun('wefttest%d', 1380)
  assert.match(tun.name, /^wefttest\d+$/)
  assert.equal(readFileSync(`/sys/class/net/${tun.name}/mtu`, 'utf8').trim(), '1380')
  tun.port.close()
  assert.equal(existsSync(`/sys/class/net/${tun.name}`), false)
})

test('a TUN in use is refused with one line that says so', { skip }, () => {
  const tun = openTun('wefttest%d', 1420)
  const before = readdirSync('/proc/self/fd').length
  assert.throws(() => openTun(tun.name, 1420), {
    name: 'LaneError',
    code: 'tun-busy',
    message: `cannot open ${tun.name}: it is in use by another program: choose another name`,
  })
  assert.equal(readdirSync('/proc/self/fd').length, before)
  tun.port.close()
})

test('a name that belongs to an interface of another kind is refused', { skip }, () => {
  assert.throws(() => openTun('lo', 1420), { name: 'LaneError', code: 'tun-name-refused' })
})

for (const name of ['', 'sixteen-letters-', 'with space', 'a/b', '..'])
  test(`"${name}" is refused as a name`, () => {
    assert.throws(() => openTun(name, 1420), { name: 'LaneError', code: 'tun-name-refused' })
  })
