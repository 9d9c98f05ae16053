import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Endpoint, IpAddress } from '@weft/base'
import {
  PKTINFO_SPACE,
  readPacketInfo,
  readSocketAddress,
  SOCKADDR_BYTES,
  socketAddressPort,
  writePacketInfo,
  writeSocketAddress,
} from '../src/socket-address.ts'

const endpoints = ['192.0.2.7:7481', '[2001:db8::7]:65535', '0.0.0.0:1', '[::1]:53'] as Endpoint[]

for (const endpoint of endpoints) {
  test(`${endpoint} is read back as it was written`, () => {
    const memory = new Uint8Array(64)
    const length = writeSocketAddress(memory, 8, endpoint)
    assert.equal(length, endpoint.startsWith('[') ? SOCKADDR_BYTES : 16)
    assert.equal(readSocketAddress(memory, 8, endpoint.startsWith('[') ? 6 : 4), endpoint)
    assert.equal(socketAddressPort(memory, 8), Number(endpoint.slice(endpoint.lastIndexOf(':') + 1)))
  })
}

test('an IPv4 address lies as the kernel wants it', () => {
  const memory = new Uint8Array(16)
  writeSocketAddress(memory, 0, '192.0.2.7:7481' as Endpoint)
  assert.deepEqual([...memory.subarray(0, 8)], [2, 0, 0x1d, 0x39, 192, 0, 2, 7])
})

for (const local of ['192.0.2.9', '2001:db8::9'] as IpAddress[]) {
  test(`the address to send from, ${local}, is where an answer's is read`, () => {
    const memory = new Uint8Array(64)
    const length = writePacketInfo(memory, 8, local)
    assert.ok(length <= PKTINFO_SPACE)
    // What is sent names the address in the place where what was received names its own.
    assert.equal(readPacketInfo(memory, 8, length), local)
  })
}

test('no control message, or another one, names no address', () => {
  const memory = new Uint8Array(64)
  assert.equal(readPacketInfo(memory, 0, 0), undefined)
  writePacketInfo(memory, 0, '192.0.2.9' as IpAddress)
  memory[12] = 103
  assert.equal(readPacketInfo(memory, 0, 32), undefined)
})
