import assert from 'node:assert/strict'
import type { Endpoint } from '@weft/base'
import { nativeCrypto as crypto } from '@weft/crypto'
import { type NodeId, nodeIdOf, PrivateKey } from '@weft/keys'
import { fuzz, mutateBytes, seededRandom } from '@weft/testing'
import { decodeProbeMessage, encodeProbeMessage, type ProbeMessage } from '../src/probe-messages.ts'
import { ProbeSeal, probeSender } from '../src/probe-seal.ts'
import { answerStun, createStunRequest, isStun, readStunAnswer } from '../src/stun.ts'

const HERE = '192.0.2.1:7481' as Endpoint
const HERE_6 = '[2001:db8::7]:7481' as Endpoint
const relay = 'ab'.repeat(16) as NodeId
const messages: readonly ProbeMessage[] = [
  { kind: 'probe', sequence: 1, transaction: '0011223344556677', length: 36 },
  { kind: 'probe', sequence: 2, transaction: '0011223344556677', length: 1200 },
  { kind: 'reply', sequence: 2 ** 53 - 1, transaction: 'ffffffffffffffff', observed: HERE_6 },
  { kind: 'call', sequence: 7, lost: true, relays: [relay, relay], endpoints: [HERE, HERE_6] },
  { kind: 'call', sequence: 8, lost: false, relays: [], endpoints: [] },
  { kind: 'carry', sequence: 9, node: relay, datagram: new Uint8Array(300).fill(7) },
  { kind: 'relay-probe', sequence: 10, transaction: '0011223344556677', unheard: true },
  { kind: 'relay-probe', sequence: 11, transaction: '0011223344556677', unheard: false },
  { kind: 'relay-reply', sequence: 12, transaction: '0011223344556677' },
]

fuzz({
  name: 'a probe message that a peer has sealed',
  mutate: mutateBytes,
  scene: () => ({
    valid: messages.map(encodeProbeMessage),
    read(bytes) {
      const message = decodeProbeMessage(bytes)
      if (message === undefined) return 'refused'
      const again = encodeProbeMessage(message)
      // What pads a probe is not looked at, and an IPv4 address in IPv6's clothes is written as what it is.
      assert.deepEqual(decodeProbeMessage(again), message, 'what was read is read again')
      if (message.kind === 'probe') assert.equal(again.length, bytes.length)
      return message.kind
    },
  }),
  reaches: ['probe', 'reply', 'call', 'carry', 'relay-probe', 'relay-reply', 'refused'],
  sources: ['traversal/src/probe-messages.ts'],
})

const random = seededRandom(1)
const [alice, bob] = [party(), party()]

function party() {
  const id = nodeIdOf(PrivateKey.generate('identity', random).publicKey(crypto), crypto)
  return { id, probeKey: PrivateKey.generate('probe', random) }
}

function sealOf(own: typeof alice, peer: typeof alice): ProbeSeal {
  const peerKey = peer.probeKey.publicKey(crypto)
  const seal = ProbeSeal.create({ own: own.id, probeKey: own.probeKey, peer: peer.id, peerKey, crypto, random })
  assert.ok(seal !== undefined)
  return seal
}

fuzz({
  name: 'a sealed probe message',
  mutate: mutateBytes,
  scene: () => {
    const [to, from] = [sealOf(alice, bob), sealOf(bob, alice)]
    const valid = messages.map((message) => to.seal(encodeProbeMessage(message)))
    const known = new Set(valid.map((bytes) => bytes.toHex()))
    return {
      valid,
      read(datagram) {
        const sender = probeSender(datagram)
        const opened = from.open(datagram)
        if (opened === undefined) return sender === undefined ? 'no probe' : 'unopened'
        assert.equal(sender, alice.id)
        assert.ok(known.has(datagram.toHex()), 'what opens was sealed')
        return 'opened'
      },
    }
  },
  reaches: ['opened', 'unopened', 'no probe'],
  sources: ['traversal/src/probe-seal.ts'],
})

fuzz({
  name: 'a datagram of STUN',
  mutate: mutateBytes,
  scene: (draw) => {
    const { datagram } = createStunRequest(draw)
    const answers = [HERE, HERE_6].map((from) => answerStun(datagram, from) ?? assert.fail())
    return {
      valid: [datagram, ...answers],
      read(bytes) {
        const answer = answerStun(bytes, HERE_6)
        const read = readStunAnswer(bytes)
        assert.ok(answer === undefined || read === undefined, 'a question is no answer')
        assert.ok(isStun(bytes) || (answer === undefined && read === undefined))
        if (answer !== undefined) {
          assert.ok(answer.length <= bytes.length, 'an answer is no longer than its question')
          assert.equal(readStunAnswer(answer)?.mapped, HERE_6)
        }
        return answer !== undefined ? 'question' : read !== undefined ? 'answer' : 'refused'
      },
    }
  },
  reaches: ['question', 'answer', 'refused'],
  sources: ['traversal/src/stun.ts'],
})
