import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  familyOf,
  type IpAddress,
  invariant,
  ipBytes,
  ipFromBytes,
  type Prefix,
  parseIp,
  parsePrefix,
  prefixContains,
  prefixOf,
  prefixParts,
} from '@weft/base'
import fc from 'fast-check'
import { AllowedIps, type PeerIndex } from '../src/index.ts'

const [ann, ben, cid] = [0, 1, 2] as PeerIndex[] as [PeerIndex, PeerIndex, PeerIndex]

test('the most specific prefix wins, in both families', () => {
  const routes = new AllowedIps()
  routes.set(prefix('0.0.0.0/0'), ann)
  routes.set(prefix('10.0.0.0/8'), ben)
  routes.set(prefix('10.1.2.3/32'), cid)
  routes.set(prefix('::/0'), cid)
  routes.set(prefix('fd00::/16'), ann)
  assert.equal(ownerOf(routes, '192.0.2.1'), ann)
  assert.equal(ownerOf(routes, '10.1.2.4'), ben)
  assert.equal(ownerOf(routes, '10.1.2.3'), cid)
  assert.equal(ownerOf(routes, '2001:db8::1'), cid)
  assert.equal(ownerOf(routes, 'fd00:1::1'), ann)
})

test('an address that nobody owns has no owner', () => {
  const routes = new AllowedIps()
  assert.equal(ownerOf(routes, '10.0.0.1'), -1)
  routes.set(prefix('10.0.0.0/31'), ann)
  assert.equal(ownerOf(routes, '10.0.0.2'), -1)
  assert.equal(ownerOf(routes, 'fd00::1'), -1)
})

test('a prefix moves to the peer that it is given to last', () => {
  const routes = new AllowedIps()
  routes.set(prefix('10.0.0.0/24'), ann)
  routes.set(prefix('10.0.0.0/24'), ben)
  assert.equal(ownerOf(routes, '10.0.0.7'), ben)
  assert.deepEqual(routes.prefixesOf(ann), [])
  assert.deepEqual(routes.prefixesOf(ben), ['10.0.0.0/24'])
})

test('what is taken from one peer falls to the next less specific owner', () => {
  const routes = new AllowedIps()
  routes.set(prefix('10.0.0.0/8'), ann)
  routes.set(prefix('10.1.0.0/16'), ben)
  routes.set(prefix('10.1.1.0/24'), ben)
  routes.removeOwner(ben)
  assert.equal(ownerOf(routes, '10.1.1.1'), ann)
  routes.remove(prefix('10.0.0.0/8'))
  assert.equal(ownerOf(routes, '10.1.1.1'), -1)
  assert.deepEqual(routes.prefixesOf(ann), [])
})

test('removing a prefix that is not there changes nothing', () => {
  const routes = new AllowedIps()
  routes.set(prefix('10.0.0.0/24'), ann)
  routes.set(prefix('10.0.1.0/24'), ben)
  for (const other of ['10.0.0.0/23', '10.0.0.0/25', '10.0.2.0/24', '0.0.0.0/0', '::/0']) routes.remove(prefix(other))
  assert.equal(ownerOf(routes, '10.0.0.1'), ann)
  assert.equal(ownerOf(routes, '10.0.1.1'), ben)
})

test('an address is found wherever in memory it lies', () => {
  const routes = new AllowedIps()
  routes.set(prefix('192.0.2.0/24'), ben)
  const memory = new Uint8Array(64)
  memory.set(ipBytes(address('192.0.2.77')), 37)
  assert.equal(routes.ownerOf(memory, 37, 4), ben)
  assert.equal(routes.ownerOf(memory, 36, 4), -1)
})

// Few distinct bits, so that prefixes nest, branch and meet.
const crowdedAddress = (length: number) =>
  fc
    .array(fc.constantFrom(0, 1, 0x80, 0xc0, 0xff), { minLength: length, maxLength: length })
    .map((bytes) => ipFromBytes(Uint8Array.from([length === 4 ? 10 : 0xfd, ...bytes.slice(1)])))
const anyAddress = fc.oneof(crowdedAddress(4), crowdedAddress(16))
const anyPrefix = fc
  .tuple(anyAddress, fc.nat({ max: 128 }))
  .map(([around, length]) => prefixOf(around, familyOf(around) === 4 ? length % 33 : length))
const anyStep = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('set'), at: anyPrefix, owner: fc.nat({ max: 5 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('remove'), at: anyPrefix, owner: fc.constant(0) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('clear'), at: anyPrefix, owner: fc.nat({ max: 5 }) }) },
)

test('the trie agrees with a list of all prefixes, whatever is set, moved and removed', () => {
  const steps = fc.array(anyStep, { maxLength: 120 })
  const looked = fc.array(anyAddress, { minLength: 20, maxLength: 20 })
  fc.assert(fc.property(steps, looked, agreesWithList), { numRuns: 200 })
})

test('the trie is as it was when all is removed again', () => {
  fc.assert(
    fc.property(fc.uniqueArray(anyPrefix, { maxLength: 60 }), fc.array(anyAddress), (prefixes, looked) => {
      const routes = new AllowedIps()
      for (const each of prefixes) routes.set(each, ann)
      for (const each of prefixes.toReversed()) routes.remove(each)
      for (const each of looked) assert.equal(ownerOf(routes, each), -1)
      for (const each of prefixes) routes.set(each, ben)
      for (const each of prefixes) assert.equal(ownerOf(routes, prefixParts(each).address), ben)
    }),
    { numRuns: 100 },
  )
})

function agreesWithList(
  steps: readonly { readonly kind: string; readonly at: Prefix; readonly owner: number }[],
  looked: readonly IpAddress[],
): void {
  const routes = new AllowedIps()
  const list = new Map<Prefix, number>()
  for (const { kind, at, owner } of steps) {
    if (kind === 'set') {
      routes.set(at, owner as PeerIndex)
      list.set(at, owner)
    } else if (kind === 'remove') {
      // Of prefixes there are, now and then.
      const there = [...list.keys()][at.length % (list.size + 1)] ?? at
      routes.remove(there)
      list.delete(there)
    } else {
      routes.removeOwner(owner as PeerIndex)
      for (const [each, of] of list) if (of === owner) list.delete(each)
    }
  }
  for (const each of [...looked, ...[...list.keys()].map((at) => prefixParts(at).address)])
    assert.equal(ownerOf(routes, each), slowOwnerOf(list, each), each)
  for (let owner = 0; owner <= 5; owner++) {
    const expected = [...list].filter(([, of]) => of === owner).map(([at]) => at)
    assert.deepEqual(routes.prefixesOf(owner as PeerIndex).toSorted(), expected.toSorted())
  }
}

function slowOwnerOf(list: ReadonlyMap<Prefix, number>, looked: IpAddress): number {
  let owner = -1
  let longest = -1
  for (const [at, of] of list) {
    const { length } = prefixParts(at)
    if (length <= longest || !prefixContains(at, looked)) continue
    longest = length
    owner = of
  }
  return owner
}

function ownerOf(routes: AllowedIps, looked: string): number {
  return routes.ownerOf(ipBytes(address(looked)), 0, familyOf(address(looked)))
}

function address(text: string): IpAddress {
  const parsed = parseIp(text)
  invariant(parsed !== undefined, text)
  return parsed
}

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text)
  invariant(parsed !== undefined, text)
  return parsed
}
