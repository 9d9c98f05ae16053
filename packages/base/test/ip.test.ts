import assert from 'node:assert/strict'
import { BlockList } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  endpointBytes,
  endpointParts,
  familyOf,
  hostPrefix,
  ipBytes,
  ipFromBytes,
  isPrivate,
  parseEndpoint,
  parseIp,
  parsePrefix,
  prefixContains,
  prefixOf,
  prefixParts,
  scopeOf,
} from '../src/index.ts'

const address4 = fc.uint8Array({ minLength: 4, maxLength: 4 }).map(ipFromBytes)
const address6 = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .filter((value) => value.subarray(0, 10).some((byte) => byte !== 0))
  .map(ipFromBytes)

test('an address has one text, and the text gives back its bytes', () => {
  fc.assert(
    fc.property(fc.oneof(address4, address6), (address) => {
      assert.equal(parseIp(address), address)
      assert.equal(ipFromBytes(ipBytes(address)), address)
    }),
  )
  const withZeroes = fc.array(fc.constantFrom(0, 0, 0, 1, 0x12), { minLength: 16, maxLength: 16 })
  fc.assert(
    fc.property(withZeroes, (bytes) => {
      const address = ipFromBytes(Uint8Array.from(bytes))
      if (familyOf(address) === 6) assert.deepEqual([...ipBytes(address)], bytes)
    }),
  )
  assert.equal(parseIp('2001:DB8:0:0::1'), '2001:db8::1')
  assert.equal(parseIp('::ffff:192.0.2.1'), '192.0.2.1')
})

test('what is no address is refused', () => {
  for (const text of [
    '',
    '1.2.3',
    '1.2.3.256',
    '01.2.3.4',
    '0x1.2.3.4',
    '1.2.3.4 ',
    'fe80::1%eth0',
    ':::',
    'weft',
    '1::2::3',
  ]) {
    assert.equal(parseIp(text), undefined, text)
  }
})

test('a prefix has no host bits and a length within its family', () => {
  assert.equal(parsePrefix('10.0.0.0/8'), '10.0.0.0/8')
  assert.equal(parsePrefix('192.0.2.7'), '192.0.2.7/32')
  assert.equal(parsePrefix('::/0'), '::/0')
  for (const text of ['10.0.0.1/8', '10.0.0.0/33', '10.0.0.0/08', '10.0.0.0/', 'fd00::/129', 'fd00::1/64', '/8']) {
    assert.equal(parsePrefix(text), undefined, text)
  }
})

test('a prefix contains what the system says it contains', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.tuple(address4, address4, fc.nat(32)), fc.tuple(address6, address6, fc.nat(128))),
      ([a, b, length]) => {
        const family = familyOf(a) === 4 ? 'ipv4' : 'ipv6'
        const list = new BlockList()
        list.addSubnet(a, length, family)
        assert.equal(prefixContains(prefixOf(a, length), b), list.check(b, family))
        assert.equal(prefixContains(prefixOf(a, length), a), true)
      },
    ),
  )
  assert.equal(prefixParts(hostPrefix(ipFromBytes(Uint8Array.of(192, 0, 2, 1)))).length, 32)
})

test('an endpoint has an address and a port from 1 to 65535', () => {
  assert.deepEqual(endpointParts(parseEndpoint('192.0.2.1:7481') ?? assert.fail()), {
    address: '192.0.2.1',
    port: 7481,
  })
  assert.deepEqual(endpointParts(parseEndpoint('[2001:DB8::1]:1') ?? assert.fail()), {
    address: '2001:db8::1',
    port: 1,
  })
  for (const text of [
    '192.0.2.1',
    '192.0.2.1:0',
    '192.0.2.1:65536',
    '2001:db8::1:5',
    '[192.0.2.1]:5',
    'host:5',
    ':5',
    '1.2.3.4:05',
  ]) {
    assert.equal(parseEndpoint(text), undefined, text)
  }
})

test('addresses that no stranger may name have a scope of their own', () => {
  const scopes = {
    '127.0.0.1': 'loopback',
    '::1': 'loopback',
    'fe80::1': 'linkLocal',
    '169.254.1.1': 'linkLocal',
    '224.0.0.1': 'multicast',
    'ff02::1': 'multicast',
    '0.0.0.0': 'unspecified',
    '255.255.255.255': 'broadcast',
    '192.0.2.1': 'other',
    'fd00::1': 'other',
  }
  for (const [text, scope] of Object.entries(scopes)) assert.equal(scopeOf(parseIp(text) ?? assert.fail(text)), scope)
})

test('an endpoint in bytes is its address and its port', () => {
  const bytesOf = (text: string): string | undefined => {
    const endpoint = parseEndpoint(text)
    return endpoint && endpointBytes(endpoint).toHex()
  }
  assert.equal(bytesOf('192.0.2.1:7481'), 'c00002011d39')
  assert.equal(bytesOf('[2001:db8::1]:65535'), '20010db8000000000000000000000001ffff')
})

test('a private address means another machine in each network', () => {
  for (const text of ['10.0.0.1', '172.31.255.255', '192.168.1.1', '100.127.0.1', 'fd00::1'])
    assert.ok(isPrivate(parseIp(text) ?? assert.fail()), text)
  for (const text of ['172.32.0.1', '100.128.0.1', '192.169.0.1', '203.0.113.7', '2001:db8::1'])
    assert.ok(!isPrivate(parseIp(text) ?? assert.fail()), text)
})
