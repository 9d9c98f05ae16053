import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Endpoint, IpAddress, Prefix } from '@weft/base'
import type { SocketId } from '@weft/datapath'
import { collisionsOf, directPaths, MAX_ENDPOINTS, ownEndpoints } from '../src/endpoints.ts'

const MESH = ['100.80.0.0/18', 'fd12:3456:789a::/48'] as Prefix[]
const BOTH = { port: 7481, socketFor: (family: 4 | 6) => family as number as SocketId }
const ONLY_4 = { port: 7481, socketFor: (family: 4 | 6) => (family === 4 ? (4 as SocketId) : undefined) }

test('own endpoints are the addresses that others can reach, in a fixed order', () => {
  const addresses = ['2001:db8::1', '192.0.2.1', '10.0.0.1', '192.0.2.1'] as IpAddress[]
  assert.deepEqual(ownEndpoints(addresses, BOTH, MESH), ['10.0.0.1:7481', '192.0.2.1:7481', '[2001:db8::1]:7481'])
})

for (const address of [
  '127.0.0.1',
  '::1',
  '0.0.0.0',
  '::',
  '224.0.0.1',
  'ff02::1',
  '255.255.255.255',
  'fe80::1',
  '100.80.1.1',
  'fd12:3456:789a::5',
]) {
  test(`${address} is neither told nor tried`, () => {
    const endpoint = (address.includes(':') ? `[${address}]:7481` : `${address}:7481`) as Endpoint
    assert.deepEqual(ownEndpoints([address as IpAddress], BOTH, MESH), [])
    assert.deepEqual(directPaths([endpoint], BOTH, MESH), [])
  })
}

test('an address family without a socket is left out', () => {
  const endpoints = ['192.0.2.1:7481', '[2001:db8::1]:7481'] as Endpoint[]
  assert.deepEqual(directPaths(endpoints, ONLY_4, MESH), [{ kind: 'direct', socket: 4, remote: '192.0.2.1:7481' }])
  assert.deepEqual(ownEndpoints(['2001:db8::1' as IpAddress], ONLY_4, MESH), [])
})

test('there is nothing to tell before a port is had', () => {
  assert.deepEqual(ownEndpoints(['192.0.2.1' as IpAddress], { ...BOTH, port: undefined }, MESH), [])
})

test('no more than the limit is told or tried', () => {
  const addresses = Array.from({ length: 100 }, (_, i) => `192.0.2.${i + 1}` as IpAddress)
  assert.equal(ownEndpoints(addresses, BOTH, MESH).length, MAX_ENDPOINTS)
  assert.equal(
    directPaths(
      addresses.map((address) => `${address}:1` as Endpoint),
      BOTH,
      MESH,
    ).length,
    MAX_ENDPOINTS,
  )
})

test('an address of the machine within a mesh is a collision; others of the same carrier range are none', () => {
  const addresses = ['100.80.1.5', '100.81.1.5', '192.168.1.2', 'fd12:3456:789a::5'] as IpAddress[]
  assert.deepEqual(collisionsOf(addresses, MESH), ['100.80.1.5', 'fd12:3456:789a::5'])
})
