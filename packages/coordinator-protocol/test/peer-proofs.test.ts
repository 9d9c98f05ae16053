import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concatBytes, toBase64, utf8 } from '@weft/base'
import { encodeChain, RECORD_LENGTH } from '@weft/identity'
import fc from 'fast-check'
import { type HeardMessage, MessageJoiner } from '../src/channel-frames.ts'
import {
  MAX_MESSAGE_TO_COORDINATOR,
  MAX_MESSAGE_TO_NODE,
  type Netmap,
  type NetmapChange,
  netmapParts,
  readFromCoordinator,
} from '../src/index.ts'
import { change, netmap, nodeIdNumber, peer } from './fixture.ts'

const [accountCertificate, linkCertificate] = [new Uint8Array(160).fill(1), new Uint8Array(161).fill(2)]

test('a netmap or change comes back as it was, in each version', () => {
  const proof = fc.record({
    record: fc.uint8Array({ minLength: RECORD_LENGTH, maxLength: RECORD_LENGTH }).map(toBase64),
    chain: fc.oneof(
      fc.uint8Array({ minLength: 150, maxLength: 170 }).map((device) => chainOf(device)),
      fc.uint8Array({ minLength: 1, maxLength: 600 }).map(toBase64),
    ),
  })
  const peers = fc
    .array(proof, { maxLength: 60 })
    .map((proofs) => proofs.map((each, number) => peer(number, { name: `n${number}`, ...each })))
  fc.assert(
    fc.property(peers, fc.integer({ min: 1, max: 5 }), (peers, version) => {
      const upsert = peers.toReversed()
      for (const message of [netmap(3, peers), change(3, 4, { upsert, remove: [nodeIdNumber(0xfff)] })]) {
        const { text, bytes } = heard(message, version)
        assert.deepEqual(readFromCoordinator(text, bytes), message)
        assert.equal(bytes !== undefined, version >= 4 && peers.length > 0)
      }
    }),
    { numRuns: 60 },
  )
})

test('before version 4 all is text, as JSON has it', () => {
  const message = netmap(1, [peer(1), peer(2)])
  assert.deepEqual(heard(message, 3), { kind: 'message', text: JSON.stringify(message) })
})

test('what the chains of many begin with is told once, and records take no more room than they have', () => {
  const peers = Array.from({ length: 100 }, (_, i) => peer(i, { chain: chainOf(new Uint8Array(150).fill(i)) }))
  const { bytes } = heard(netmap(1, peers), 4)
  const beginning = 2 + 2 + 2 + accountCertificate.length + 2 + linkCertificate.length
  assert.equal(bytes?.length, beginning + 100 * (2 + RECORD_LENGTH + 2 + 2 + 150))
})

test('bytes that are not those of the peers in the text are refused', () => {
  const { text, bytes = new Uint8Array() } = heard(netmap(1, [peer(1), peer(2)]), 4)
  const wrong = bytes.slice()
  // How many beginnings there are: none.
  wrong[1] = 0
  for (const each of [bytes.subarray(1), bytes.subarray(0, -1), concatBytes(bytes, Uint8Array.of(0)), wrong])
    assert.equal(readFromCoordinator(text, each), undefined)
  assert.equal(readFromCoordinator(text), undefined, 'without them')
  assert.equal(readFromCoordinator(JSON.stringify(netmap(1, [peer(1), peer(2)])), bytes), undefined, 'twice')
  assert.equal(readFromCoordinator('{"type":"pong"}', bytes), undefined, 'behind what has no peers')
  for (const json of ['null', '1', '[]', '{"type":"netmap","peers":{}}', '{"type":"netmap","peers":[1,2]}', 'no JSON'])
    assert.equal(readFromCoordinator(json, bytes), undefined)
})

test('a message that ends where a frame does is read as a longer one', () => {
  const peers = Array.from({ length: 80 }, (_, i) => peer(i))
  for (let length = 0; length < 60; length++) {
    const message = netmap(1, peers, { self: { ...netmap(1).self, owner: 'o'.repeat(length) } })
    const { text, bytes } = heard(message, 4)
    assert.deepEqual(readFromCoordinator(text, bytes), message)
  }
})

test('nothing stands behind the text to a coordinator, nor to a node of before version 4', () => {
  for (const joiner of [new MessageJoiner(MAX_MESSAGE_TO_COORDINATOR), new MessageJoiner(MAX_MESSAGE_TO_NODE)])
    assert.deepEqual(joiner.take(utf8('\u0001{}\0more')), { kind: 'message', text: '{}\0more' })
})

const chainOf = (device: Uint8Array): string => toBase64(encodeChain([accountCertificate, linkCertificate, device]))

function heard(message: Netmap | NetmapChange, version: number): HeardMessage {
  const joiner = new MessageJoiner(MAX_MESSAGE_TO_NODE, version >= 4)
  const all = netmapParts(message, version).map((part) => joiner.take(part))
  assert.ok(all.slice(0, -1).every(({ kind }) => kind === 'more'))
  const last = all.at(-1)
  assert.ok(last?.kind === 'message')
  return last
}
