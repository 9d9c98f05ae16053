import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InterfaceMtu } from '../src/index.ts'

test('the MTU of an interface is read, and none where there is no such interface', () => {
  for (const [name, mtu] of [
    ['lo', 65_536],
    ['no-such-weft', undefined],
  ] as const) {
    const reader = new InterfaceMtu(name)
    assert.equal(reader.read(), mtu)
    reader.close()
  }
})
