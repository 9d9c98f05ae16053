import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { mergeNetmap, type Netmap, type NetmapChange, type NetmapPeer } from '../src/index.ts'
import { change, netmap, nodeIdNumber, peer } from './fixture.ts'

test('a change sets, adds and removes peers, and leaves the others as they are', () => {
  const before = netmap(1, [peer(1), peer(2), peer(3)])
  const after = mergeNetmap(
    before,
    change(1, 2, { upsert: [peer(2, { online: false }), peer(4)], remove: [nodeIdNumber(1)] }),
  )
  assert.deepEqual(after, netmap(2, [peer(2, { online: false }), peer(3), peer(4)]))
  assert.equal(after?.peers[1], before.peers[2])
})

test('a change of the node itself or of the grants replaces them', () => {
  const self = { ...netmap(1).self, name: 'renamed' }
  const grants = [{ reason: 'r', account: nodeIdNumber(5) as never, protocol: 'any' as const }]
  assert.deepEqual(mergeNetmap(netmap(1), change(1, 2, { self })), netmap(2, [], { self }))
  assert.deepEqual(mergeNetmap(netmap(1), change(1, 2, { grants })), netmap(2, [], { grants }))
  assert.deepEqual(mergeNetmap(netmap(2, [], { grants }), change(2, 3, { grants: [] })), netmap(3))
})

test('revocations are added to those that are known, each once, and never taken away', () => {
  const before = netmap(1, [], { revocations: ['AAAA', 'BBBB'] })
  const after = mergeNetmap(before, change(1, 2, { revocations: ['BBBB', 'CCCC'] }))
  assert.deepEqual(after?.revocations, ['AAAA', 'BBBB', 'CCCC'])
  assert.deepEqual(mergeNetmap(before, change(1, 2))?.revocations, ['AAAA', 'BBBB'])
})

test('where it is not known what was revoked before, new ones do not make it known', () => {
  const { revocations: _, ...before } = netmap(1)
  assert.equal(mergeNetmap(before, change(1, 2, { revocations: ['AAAA'] }))?.revocations, undefined)
})

test('a change changes neither what it is merged into nor itself', () => {
  const before = netmap(1, [peer(1)])
  const step = change(1, 2, { upsert: [peer(2)], remove: [nodeIdNumber(1)] })
  const copies = structuredClone([before, step])
  mergeNetmap(before, step)
  assert.deepEqual([before, step], copies)
})

test('a change from another number, or of another epoch, does not fit', () => {
  assert.equal(mergeNetmap(netmap(5), change(4, 6)), undefined)
  assert.equal(mergeNetmap(netmap(5), change(6, 7)), undefined)
  assert.equal(mergeNetmap(netmap(5), change(5, 6, { epoch: 'second' })), undefined)
})

test('a node that was never there may be removed', () => {
  assert.deepEqual(mergeNetmap(netmap(5), change(5, 6, { next: 'second' })), netmap(6, [], { epoch: 'second' }))
  assert.deepEqual(mergeNetmap(netmap(1, [peer(1)]), change(1, 2, { remove: [nodeIdNumber(9)] })), netmap(2, [peer(1)]))
})

test('the netmap after any sequence of changes is what a slow oracle says', () => {
  const somePeer = fc
    .tuple(fc.nat(12), fc.boolean(), fc.constantFrom('alice', 'bob'))
    .map(([number, online, owner]) => peer(number, { online, owner }))
  const peers = fc.uniqueArray(somePeer, { selector: ({ id }) => id, maxLength: 8 })
  const step = fc.record({
    upsert: peers,
    remove: fc.uniqueArray(fc.nat(15).map(nodeIdNumber)),
    forward: fc.nat(3),
    fits: fc.boolean(),
  })
  fc.assert(
    fc.property(peers, fc.array(step, { maxLength: 12 }), (start, steps) => {
      let map: Netmap = netmap(1, start)
      let expected: readonly NetmapPeer[] = start
      for (const { upsert, remove, forward, fits } of steps) {
        const from = fits ? map.number : map.number + 1
        const removed = remove.filter((id) => upsert.every((one) => one.id !== id))
        const next = change(from, from + forward, { upsert, remove: removed })
        const merged = mergeNetmap(map, next)
        assert.equal(merged !== undefined, fits)
        if (merged === undefined) continue
        expected = oracle(expected, next)
        map = merged
        assert.equal(map.number, next.number)
        assert.deepEqual(byId(map.peers), byId(expected))
      }
    }),
  )
})

function oracle(peers: readonly NetmapPeer[], { upsert, remove }: NetmapChange): readonly NetmapPeer[] {
  const kept = peers.filter(({ id }) => !remove.includes(id) && !upsert.some((one) => one.id === id))
  return [...kept, ...upsert]
}

function byId(peers: readonly NetmapPeer[]): readonly NetmapPeer[] {
  return peers.toSorted((a, b) => (a.id < b.id ? -1 : 1))
}
