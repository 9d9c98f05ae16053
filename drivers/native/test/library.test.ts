import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressOf, bind, checked, errnoCode, WakeSignal } from '../src/index.ts'

const read = bind('intptr_t read(int fd, uintptr_t buffer, size_t length)')
const memset = bind('uintptr_t memset(uintptr_t memory, int value, size_t length)')

test('a failed call is told by the usual name of its error', () => {
  const memory = new Uint8Array(8)
  const signal = new WakeSignal()
  assert.equal(read(signal.fd, addressOf(memory), 8), -1)
  assert.equal(errnoCode(), 'EAGAIN')
  signal.close()
  assert.throws(() => checked('read', read(-1, addressOf(memory), 8)), {
    name: 'SystemError',
    code: 'EBADF',
    syscall: 'read',
    message: 'read failed: EBADF',
  })
})

test('an address is where the view begins, also of a part of a buffer', () => {
  const whole = new Uint8Array(8)
  memset(addressOf(whole.subarray(2, 5)), 7, 3)
  assert.deepEqual([...whole], [0, 0, 7, 7, 7, 0, 0, 0])
})
