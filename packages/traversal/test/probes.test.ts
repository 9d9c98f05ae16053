import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Endpoint } from '@weft/base'
import { nativeCrypto as crypto } from '@weft/crypto'
import { type NodeId, nodeIdOf, PrivateKey } from '@weft/keys'
import { seededRandom } from '@weft/testing'
import fc from 'fast-check'
import { decodeProbeMessage, encodeProbeMessage, type ProbeMessage } from '../src/probe-messages.ts'
import { ProbeSeal, probeSender } from '../src/probe-seal.ts'
import { SequenceWindow } from '../src/sequence-window.ts'

const HERE = '192.0.2.1:7481' as Endpoint
const HERE_6 = '[2001:db8::7]:7481' as Endpoint
const messages: readonly ProbeMessage[] = [
  { kind: 'probe', sequence: 1, transaction: '0011223344556677', length: 36 },
  { kind: 'probe', sequence: 2, transaction: '0011223344556677', length: 1200 },
  { kind: 'reply', sequence: 2 ** 53 - 1, transaction: 'ffffffffffffffff', observed: HERE_6 },
  { kind: 'call', sequence: 7, lost: true, relays: ['ab'.repeat(16) as NodeId], endpoints: [HERE, HERE_6] },
  { kind: 'call', sequence: 8, lost: false, relays: [], endpoints: [] },
  { kind: 'carry', sequence: 9, node: 'cd'.repeat(16) as NodeId, datagram: new Uint8Array(1024).fill(7) },
  { kind: 'relay-probe', sequence: 10, transaction: '0011223344556677', unheard: true },
  { kind: 'relay-probe', sequence: 11, transaction: '0011223344556677', unheard: false },
  { kind: 'relay-reply', sequence: 12, transaction: '0011223344556677' },
]

test('messages are read as they were written, and nothing else is', () => {
  for (const message of messages) {
    const bytes = encodeProbeMessage(message)
    assert.deepEqual(decodeProbeMessage(bytes), message)
    if (message.kind !== 'probe') assert.equal(decodeProbeMessage(Uint8Array.of(...bytes, 0)), undefined)
    // What is carried goes to the end.
    const least = message.kind === 'carry' ? 26 : Math.min(bytes.length, 36)
    for (let length = 0; length < least; length++)
      assert.equal(decodeProbeMessage(bytes.subarray(0, length)), undefined)
  }
})

test('a reply is never longer than its probe', () => {
  const [probe] = messages
  const reply = encodeProbeMessage({ kind: 'reply', sequence: 1, transaction: '00'.repeat(8), observed: HERE_6 })
  assert.ok(probe && reply.length <= encodeProbeMessage(probe).length)
  const [byRelay, replied] = [messages.at(-2), messages.at(-1)].map((message) => message && encodeProbeMessage(message))
  assert.ok(byRelay && replied && replied.length <= byRelay.length)
})

test('any bytes are read without harm', () => {
  fc.assert(
    fc.property(
      fc.nat(messages.length - 1),
      fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 6 }),
      (at, changes) => {
        const bytes = encodeProbeMessage(messages[at] as ProbeMessage)
        for (const [index, value] of changes) if (index < bytes.length) bytes[index] = value
        const read = decodeProbeMessage(bytes)
        if (read !== undefined && read.kind !== 'probe') assert.deepEqual(encodeProbeMessage(read), bytes)
      },
    ),
    { numRuns: 1_000 },
  )
})

test('what one peer seals only the other opens, and only as the first one’s', () => {
  const [alice, bob, eve] = [1, 2, 3].map(party) as [Party, Party, Party]
  const sealed = sealOf(alice, bob).seal(encodeProbeMessage(messages[0] as ProbeMessage))
  assert.equal(probeSender(sealed), alice.id)
  assert.ok(sealOf(bob, alice).open(sealed))
  assert.equal(sealOf(eve, alice).open(sealed), undefined)
  assert.equal(sealOf(alice, bob).open(sealed), undefined)
  for (let at = 0; at < sealed.length; at++) {
    const altered = sealed.slice()
    altered[at] = (altered[at] ?? 0) ^ 1
    assert.equal(sealOf(bob, alice).open(altered), undefined)
  }
})

test('a sequence number counts once, in any order within the window, and no more behind it', () => {
  const window = new SequenceWindow()
  for (const sequence of [5, 3, 4, 200]) assert.ok(window.accept(sequence))
  for (const sequence of [5, 3, 200]) assert.equal(window.accept(sequence), false)
  for (let sequence = 1_000; sequence < 1_200; sequence++) assert.ok(window.accept(sequence))
  assert.equal(window.accept(6), false)
  window.lowerFloor()
  assert.ok(window.accept(6))
  assert.equal(window.accept(1_199), false)
})

interface Party {
  readonly id: NodeId
  readonly probeKey: PrivateKey<'probe'>
}

function party(seed: number): Party {
  const random = seededRandom(seed)
  const identity = PrivateKey.generate('identity', random)
  return { id: nodeIdOf(identity.publicKey(crypto), crypto), probeKey: PrivateKey.generate('probe', random) }
}

function sealOf(own: Party, peer: Party): ProbeSeal {
  const random = seededRandom(9)
  const peerKey = peer.probeKey.publicKey(crypto)
  return (
    ProbeSeal.create({ own: own.id, probeKey: own.probeKey, peer: peer.id, peerKey, crypto, random }) ?? assert.fail()
  )
}
