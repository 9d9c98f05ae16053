import assert from 'node:assert/strict'
import { randomBytes } from '@weft/base'
import { publicKeyBytes } from '@weft/keys'
import { fuzz, type SeededRandom } from '@weft/testing'
import type { EngineOutput } from '../src/index.ts'
import { messageKindOf } from '../src/messages.ts'
import { at, ELSEWHERE, enginePair, HERE, type LoneEngine, messageIn, PEER } from './support/engine-pair.ts'
import { withMacs } from './support/reference-handshake.ts'

const RECEIVER = publicKeyBytes(enginePair().alice.publicKey)

fuzz({
  name: 'an engine, by mutilated handshake messages in every state,',
  mutate: mutilated,
  scene: (random) => {
    const { alice, response, corpus } = setUp(random)
    const now = at(random.below(1_000_000))
    return {
      valid: corpus,
      read(message) {
        if (corpus.some((valid) => isSame(valid, message))) return 'as it was'
        return reasonOf(alice.receive(message, now, random.chance(0.5) ? HERE : ELSEWHERE))
      },
      async close() {
        const outputs = alice.receive(response, now)
        const isLoaded = outputs.some(({ kind }) => kind === 'send-cookie-reply')
        assert.ok(isLoaded || outputs.some(({ kind }) => kind === 'install-session'), 'the true response still holds')
      },
    }
  },
  reaches: [
    'not-a-handshake',
    'mac1-wrong',
    'cookie-sent',
    'cookie-reply-not-expected',
    'cookie-reply-not-authentic',
    'initiation-not-authentic',
    'shared-secret-zero',
    'response-not-awaited',
    'response-not-authentic',
  ],
  sources: ['wireguard/src/', 'noise/src/'],
  inputs: { short: 10_000 },
})

/** Only a drop with its reason, and under load the cookie that it asks for. */
function reasonOf(outputs: readonly EngineOutput<string>[]): string {
  const last = outputs.at(-1)
  assert.ok(last?.kind === 'dropped')
  assert.equal(outputs.length, last.reason === 'cookie-sent' ? 2 : 1)
  return last.reason
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

function mutilated(base: Uint8Array, other: Uint8Array, random: SeededRandom): Uint8Array {
  const message = changed(random, base, other)
  const kind = messageKindOf(message)
  const isHandshake = kind === 'initiation' || kind === 'response'
  return isHandshake && random.chance(0.8) ? withMacs(message.slice(0, -32), RECEIVER) : message
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
