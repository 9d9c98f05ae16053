import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomBytes } from '@weft/base'
import { publicKeyBytes } from '@weft/keys'
import type { EngineOutput } from '../src/index.ts'
import { messageKindOf } from '../src/messages.ts'
import { at, ELSEWHERE, enginePair, HERE, type LoneEngine, messageIn, PEER } from './support/engine-pair.ts'
import { withMacs } from './support/reference-handshake.ts'
import { SeededRandom } from './support/seeded-random.ts'

const ROUNDS = process.env.WEFT_LONG === '1' ? 1_000_000 : 10_000
const SEED = Number(process.env.WEFT_SEED ?? 4)

test(`${ROUNDS} mutilated handshake messages, in every state, change nothing (seed ${SEED})`, () => {
  const random = new SeededRandom(SEED)
  const seen = new Map<string, number>()
  for (let round = 0; round < ROUNDS; round += 1000) {
    const scene = setUp(random)
    for (let i = 0; i < 1000; i++) {
      const message = mutilated(random, scene.corpus, publicKeyBytes(scene.alice.publicKey))
      if (scene.corpus.some((valid) => isSame(valid, message))) continue
      const outputs = scene.alice.receive(message, at(round), random.chance(0.5) ? HERE : ELSEWHERE)
      note(outputs, seen)
    }
    const outputs = scene.alice.receive(scene.response, at(round))
    const isLoaded = outputs.some(({ kind }) => kind === 'send-cookie-reply')
    assert.ok(isLoaded || outputs.some(({ kind }) => kind === 'install-session'), 'the true response still holds')
  }
  for (const reason of [
    'not-a-handshake',
    'mac1-wrong',
    'cookie-sent',
    'cookie-reply-not-expected',
    'cookie-reply-not-authentic',
    'initiation-not-authentic',
    'shared-secret-zero',
    'response-not-awaited',
    'response-not-authentic',
  ])
    assert.ok((seen.get(reason) ?? 0) > 0, `${reason} was reached: ${[...seen]}`)
})

/** Only a drop with its reason, and under load the cookie that it asks for. */
function note(outputs: readonly EngineOutput<string>[], seen: Map<string, number>): void {
  const last = outputs.at(-1)
  assert.equal(last?.kind, 'dropped')
  if (last?.kind !== 'dropped') return
  assert.equal(outputs.length, last.reason === 'cookie-sent' ? 2 : 1)
  seen.set(last.reason, (seen.get(last.reason) ?? 0) + 1)
}

/** Alice awaits a response, and everything that she could be sent is at hand. */
function setUp(random: SeededRandom): {
  readonly alice: LoneEngine
  readonly response: Uint8Array
  readonly corpus: readonly Uint8Array[]
} {
  const { alice, bob } = enginePair()
  const theirs = bob.initiate(at(0))
  const initiation = alice.initiate(at(0))
  bob.tell({ kind: 'load', isUnderLoad: true }, at(0))
  const cookieReply = messageIn(bob.receive(initiation, at(0)), 'send-cookie-reply')
  bob.tell({ kind: 'load', isUnderLoad: false }, at(0))
  const response = messageIn(bob.receive(initiation, at(0)), 'send-response')
  alice.tell({ kind: 'load', isUnderLoad: random.chance(0.3) }, at(0))
  assert.ok(alice.tell({ kind: 'remove-peer', peer: (PEER + 1) as typeof PEER }, at(0)).length === 0)
  return { alice, response, corpus: [theirs, initiation, cookieReply, response] }
}

function mutilated(random: SeededRandom, corpus: readonly Uint8Array[], receiver: Uint8Array): Uint8Array {
  const base = corpus[random.below(corpus.length)] ?? new Uint8Array(0)
  const other = corpus[random.below(corpus.length)] ?? new Uint8Array(0)
  const message = changed(random, base, other)
  const kind = messageKindOf(message)
  const isHandshake = kind === 'initiation' || kind === 'response'
  return isHandshake && random.chance(0.8) ? withMacs(message.slice(0, -32), receiver) : message
}

function changed(random: SeededRandom, base: Uint8Array, other: Uint8Array): Uint8Array {
  const copy = base.slice()
  switch (random.below(7)) {
    case 0:
      return copy.slice(0, random.below(copy.length + 1))
    case 1:
      return Uint8Array.of(...copy, ...randomBytes(random, 1 + random.below(100)))
    case 2:
      copy.set(other.subarray(4, Math.min(copy.length, other.length)), 4)
      return flipped(random, copy)
    case 3:
      copy.fill(0, 8 + 4 * random.below(2), 44)
      return copy
    case 4:
      copy.set(randomBytes(random, copy.length - 8), 8)
      return copy
    case 5:
      return randomBytes(random, random.below(200))
    default:
      return flipped(random, copy)
  }
}

function flipped(random: SeededRandom, message: Uint8Array): Uint8Array {
  for (let flips = 1 + random.below(3); flips > 0; flips--) {
    const at = random.chance(0.9) ? 4 + random.below(message.length - 4) : random.below(message.length)
    message[at] = (message[at] ?? 0) ^ (1 << random.below(8))
  }
  return message
}

/** The sender's index is covered by mac1 alone, which is made anew here; mac2 is not always looked at. */
function isSame(valid: Uint8Array, message: Uint8Array): boolean {
  const end = valid[0] === 3 ? valid.length : valid.length - 32
  return (
    valid.length === message.length && valid.every((byte, i) => byte === message[i] || (i >= 4 && i < 8) || i >= end)
  )
}
