import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type IpAddress, type Prefix, prefixContains, prefixParts, type Random } from '@weft/base'
import { freeAddress, parseRange, randomRange } from '../src/address-range.ts'

const small = '100.64.0.0/29' as Prefix
const medium = '10.1.2.0/24' as Prefix
const addresses = (...texts: string[]) => texts as IpAddress[]

describe('a range', () => {
  it('chosen at random is a /18 of 100.64.0.0/10, and any of them', () => {
    const seen = new Set<string>()
    for (let value = 0; value < 256; value++) {
      const range = randomRange(countingRandom(value))
      assert.equal(prefixParts(range).length, 18)
      assert.ok(prefixContains('100.64.0.0/10' as Prefix, prefixParts(range).address))
      seen.add(range)
    }
    assert.equal(seen.size, 256)
  })

  for (const text of ['100.96.64.0/18', '10.0.0.0/8', '192.168.7.0/29', '172.31.0.0/16'])
    it(`may be ${text}`, () => assert.equal(parseRange(text), text))

  for (const text of [
    '8.8.8.0/24',
    '100.0.0.0/8',
    '10.0.0.0/7',
    '10.0.0.1/24',
    '10.0.0.0/30',
    'fd00::/64',
    '10.0.0.0',
    'x',
    '',
  ])
    it(`may not be ${JSON.stringify(text)}`, () => {
      const answer = parseRange(text)
      assert.ok(typeof answer === 'object' && answer.refused.length > 10)
    })
})

describe('a free address', () => {
  it('is never the network, the broadcast or the resolver', () => {
    const used = takeAll(medium)
    assert.equal(used.length, 253)
    for (const reserved of addresses('10.1.2.0', '10.1.2.53', '10.1.2.255')) assert.ok(!used.includes(reserved))
    assert.equal(new Set(used).size, used.length)
    assert.ok(used.every((address) => prefixContains(medium, address)))
  })

  it('is the next one up', () => {
    assert.equal(freeAddress(medium, [], 0), '10.1.2.1')
    assert.equal(freeAddress(medium, addresses('10.1.2.1', '10.1.2.52'), 2), '10.1.2.54')
  })

  it('is one that became free only when the range ends', () => {
    assert.equal(freeAddress(small, addresses('100.64.0.3', '100.64.0.5'), 5), '100.64.0.6')
    assert.equal(freeAddress(small, addresses('100.64.0.1', '100.64.0.3', '100.64.0.6'), 6), '100.64.0.2')
  })

  it('is one that a device had which is gone only when the range ends', () => {
    assert.equal(freeAddress(medium, addresses('10.1.2.1'), 3), '10.1.2.4')
    assert.equal(freeAddress(medium, [], 52), '10.1.2.54')
    assert.equal(freeAddress(medium, [], 53), '10.1.2.55')
    assert.equal(freeAddress(small, addresses('100.64.0.1'), 9), '100.64.0.2')
    assert.equal(freeAddress(small, [], 9), '100.64.0.1')
  })

  it('is none in a full range', () => {
    assert.equal(takeAll(small).length, 6)
    assert.equal(freeAddress(small, takeAll(small), 6), undefined)
  })
})

function takeAll(range: Prefix): IpAddress[] {
  const used: IpAddress[] = []
  const next = () => freeAddress(range, used, used.length)
  for (let address = next(); address !== undefined; address = next()) used.push(address)
  return used
}

function countingRandom(value: number): Random {
  return {
    fill(bytes) {
      bytes.fill(0)
      bytes[bytes.length - 1] = value
    },
  }
}
