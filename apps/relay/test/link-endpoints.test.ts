import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { IpAddress, Prefix } from '@weft/base'
import { linkEndpoints, parsePublicUrl, type Reach } from '@weft/relay/listening'

describe('the ways to the coordinator', () => {
  it('are all its addresses of both families, without loopback, link-local and the mesh itself', () => {
    const addresses = [
      '127.0.0.1',
      '192.0.2.1',
      '169.254.1.1',
      '::1',
      'fe80::1',
      '2001:db8::1',
      '100.64.0.1',
      'fd00::1',
    ]
    assert.deepEqual(
      waysOf({ addresses: addresses as IpAddress[], mesh: ['100.64.0.0/18', 'fd00::/48'] as Prefix[] }),
      ['192.0.2.1:7480', '[2001:db8::1]:7480'],
    )
  })

  it('are of IPv4 where it listens for IPv4 only', () => {
    const addresses = ['192.0.2.1', '2001:db8::1'] as IpAddress[]
    assert.deepEqual(waysOf({ host: '0.0.0.0' as IpAddress, addresses }), ['192.0.2.1:7480'])
  })

  it('are the one address that it listens at, be it loopback', () => {
    const addresses = ['192.0.2.1'] as IpAddress[]
    assert.deepEqual(waysOf({ host: '127.0.0.1' as IpAddress, addresses }), ['127.0.0.1:7480'])
    assert.deepEqual(waysOf({ host: '2001:db8::5' as IpAddress, addresses }), ['[2001:db8::5]:7480'])
  })

  it('are loopback where there is nothing else', () => {
    assert.deepEqual(waysOf({ addresses: ['127.0.0.1', '::1'] as IpAddress[] }), ['[::1]:7480'])
    assert.deepEqual(waysOf({ host: '0.0.0.0' as IpAddress }), ['127.0.0.1:7480'])
    assert.deepEqual(waysOf({ publicUrl: 'https://x' }), ['https://x'])
  })

  it('are eight at most: the public URL, and both families', () => {
    const v4 = Array.from({ length: 20 }, (_, i) => `192.0.2.${i + 1}`)
    const ways = waysOf({ addresses: [...v4, '2001:db8::1'] as IpAddress[], publicUrl: 'https://weft.example' })
    assert.equal(ways.length, 8)
    assert.deepEqual(ways.slice(0, 3), ['https://weft.example', '192.0.2.1:7480', '[2001:db8::1]:7480'])
  })
})

describe('a public URL', () => {
  for (const [text, url] of [
    ['https://weft.example', 'https://weft.example'],
    ['https://weft.example/', 'https://weft.example'],
    ['http://192.0.2.1:8080/mesh/', 'http://192.0.2.1:8080/mesh'],
    ['https://bücher.example', 'https://xn--bcher-kva.example'],
  ] as const)
    it(`may be ${text}`, () => assert.equal(parsePublicUrl(text), url))

  for (const text of [
    'weft.example',
    'ftp://weft.example',
    'https://user:secret@weft.example',
    'https://weft.example/?a=b',
    'https://weft.example/#a',
    `https://weft.example/${'a'.repeat(300)}`,
    '',
  ])
    it(`may not be ${text.slice(0, 50)}`, () => assert.equal(typeof parsePublicUrl(text), 'object'))
})

function waysOf(reach: Partial<Reach>): readonly string[] {
  const all = { host: '::' as IpAddress, port: 7480, addresses: [], mesh: [], publicUrl: undefined, ...reach }
  return linkEndpoints(all).map((way) => (way.kind === 'url' ? way.url : way.endpoint))
}
