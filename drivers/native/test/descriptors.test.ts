import assert from 'node:assert/strict'
import { fstatSync } from 'node:fs'
import { test } from 'node:test'
import { addressOf, bind, WakeSignal } from '../src/index.ts'

const poll = bind('int poll(uintptr_t descriptors, ulong count, int timeout)')
const POLLIN = 1

function isRung(signal: WakeSignal): boolean {
  const entry = new DataView(new ArrayBuffer(8))
  entry.setInt32(0, signal.fd, true)
  entry.setInt16(4, POLLIN, true)
  return poll(addressOf(entry), 1, 0) === 1
}

test('a signal stays rung until it is cleared, however often it was rung', () => {
  const signal = new WakeSignal()
  assert.equal(isRung(signal), false)
  signal.ring()
  signal.ring()
  assert.equal(isRung(signal), true)
  signal.clear()
  assert.equal(isRung(signal), false)
  signal.close()
})

test('a signal can be rung through the descriptor alone', () => {
  const signal = new WakeSignal()
  new WakeSignal(signal.fd).ring()
  assert.equal(isRung(signal), true)
  signal.close()
})

test('a closed signal leaves no descriptor behind', () => {
  const signal = new WakeSignal()
  signal.close()
  assert.throws(() => fstatSync(signal.fd), { code: 'EBADF' })
})
