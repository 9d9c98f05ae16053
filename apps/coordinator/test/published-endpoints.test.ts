import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Endpoint, IpAddress, Prefix } from '@weft/base'
import { notedEndpoint, toldEndpoints, usableEndpoints } from '../src/published-endpoints.ts'

const mesh = ['100.64.0.0/18'] as Prefix[]
const endpoints = (...texts: string[]) => texts as Endpoint[]
const many = Array.from({ length: 40 }, (_, i) => `192.0.2.${i + 1}:7481` as Endpoint)

describe('endpoints', () => {
  it('are those that a peer could hear something at, each once, 32 at most', () => {
    const published = endpoints(
      '127.0.0.1:1',
      '0.0.0.0:1',
      '[::1]:1',
      '[fe80::1]:1',
      '100.64.1.1:1',
      '192.0.2.1:1',
      '192.0.2.1:1',
    )
    assert.deepEqual(usableEndpoints(published, mesh), ['192.0.2.1:1'])
    assert.equal(usableEndpoints(many, mesh).length, 32)
  })

  it('are told with the noted one among them, in any case', () => {
    const noted = '198.51.100.1:7481' as Endpoint
    assert.deepEqual(toldEndpoints(endpoints('192.0.2.1:1'), undefined), ['192.0.2.1:1'])
    assert.deepEqual(toldEndpoints(endpoints('192.0.2.1:1'), '192.0.2.1:1' as Endpoint), ['192.0.2.1:1'])
    const told = toldEndpoints(usableEndpoints(many, mesh), noted)
    assert.deepEqual([told.length, told.at(-1)], [32, noted])
  })
})

describe('the noted endpoint', () => {
  const published = endpoints('192.0.2.1:7555', '[2001:db8::1]:7555')

  it('is where the channel comes from, with the port of the node', () => {
    assert.equal(notedEndpoint('198.51.100.1' as IpAddress, published, mesh), '198.51.100.1:7555')
    assert.equal(notedEndpoint('2001:db8::9' as IpAddress, published, mesh), '[2001:db8::9]:7555')
  })

  it('is never loopback, link-local or of the mesh, and none without a port', () => {
    for (const source of ['127.0.0.1', '::1', 'fe80::1', '100.64.2.2'] as IpAddress[])
      assert.equal(notedEndpoint(source, published, mesh), undefined)
    assert.equal(notedEndpoint('198.51.100.1' as IpAddress, [], mesh), undefined)
    assert.equal(notedEndpoint(undefined, published, mesh), undefined)
  })
})
