import assert from 'node:assert/strict'
import { concatBytes, datagramsOf, fromHex, type IpAddress, instant, type Now, toHex, wallTime } from '@weft/base'
import { nativeCrypto as crypto } from '@weft/crypto'
import { createCertificate, createRevocation, encodeChain } from '@weft/identity'
import { meshIdOf, type NodeId, nodeIdOf, PrivateKey } from '@weft/keys'
import { type HubOutput, MAX_MESSAGE, RelayClient, type RelayClientOutput, RelayHub } from '@weft/relay-protocol'
import { fuzz, type Mutation, mutateBytes, type SeededRandom, seededRandom } from '@weft/testing'
import { admissionOf, type RelayVisitor } from '../src/admission.ts'
import {
  datagramBytes,
  decodeFrames,
  encodeDatagrams,
  encodeFrame,
  type Frame,
  frameEnd,
  runsOf,
} from '../src/frames.ts'

const random = seededRandom(5)
const START = 1_800_000_000
const now: Now = { instant: instant(0), wall: wallTime(START * 1000) }
const RELAY = '00112233445566778899aabbccddeeff' as NodeId
const root = PrivateKey.generate('root', random)
const coordinatorKey = PrivateKey.generate('coordinator', random)
const [alice, bob] = [member(root), member(root)]
const SEEN_AT = '192.0.2.9' as IpAddress

function member(signer: PrivateKey<'root'>): Extract<RelayVisitor, { kind: 'member' }> & { readonly id: Uint8Array } {
  const identity = PrivateKey.generate('identity', random)
  const account = PrivateKey.generate('account', random)
  const link = PrivateKey.generate('link', random)
  const notAfter = START + 86_400
  const long = { notBefore: START - 3600, notAfter, grantsUntil: notAfter, tags: [] }
  const subject = identity.publicKey(crypto)
  const chain = encodeChain([
    createCertificate({ kind: 'account', subject: account.publicKey(crypto), ...long }, signer, crypto),
    createCertificate({ kind: 'link', subject: link.publicKey(crypto), ...long }, account, crypto),
    createCertificate({ kind: 'device', subject, ...long, grantsUntil: 0 }, link, crypto),
  ])
  return { kind: 'member', chain, identity, id: fromHex(nodeIdOf(subject, crypto)) ?? assert.fail() }
}

const challenge = { kind: 'challenge', relay: fromHex(RELAY) ?? assert.fail(), nonce: new Uint8Array(32) } as const
const key = { mesh: meshIdOf(root.publicKey(crypto), crypto), id: RELAY }
const token = new Uint8Array(16).fill(7)
const revoked = { revoked: alice.identity.publicKey(crypto), signedAt: START, keptUntil: START + 3600 }
const elsewhere = PrivateKey.generate('root', random)
const datagrams = (node: Uint8Array, length: number, stride: number): Uint8Array =>
  concatBytes(...encodeDatagrams(node, { bytes: new Uint8Array(length).fill(9), stride }))
const absent = new Uint8Array(16).fill(0xab)

const ofVisitors: readonly Uint8Array[] = [
  ...[alice, member(elsewhere), { kind: 'coordinator', key: coordinatorKey } as const].map((visitor) =>
    encodeFrame(admissionOf(visitor, challenge, crypto)),
  ),
  datagrams(bob.id, 3_000, 1_000),
  concatBytes(datagrams(bob.id, 90, 40), datagrams(absent, 10, 10)),
  encodeFrame({ kind: 'ping', token: new Uint8Array(8) }),
  encodeFrame({ kind: 'revocation', bytes: createRevocation(revoked, { key: elsewhere }, crypto) }),
  encodeFrame({ kind: 'answer', token }),
  encodeFrame({ kind: 'knock', token, port: 7480 }),
]
const ofRelays: readonly Uint8Array[] = [
  encodeFrame(challenge),
  encodeFrame({ ...challenge, relay: absent }),
  encodeFrame({ kind: 'admitted' }),
  encodeFrame({ kind: 'welcome', stunPort: 3478, seenAt: SEEN_AT }),
  encodeFrame({ kind: 'welcome', stunPort: undefined, seenAt: '2001:db8::9' as IpAddress }),
  concatBytes(encodeFrame({ kind: 'absent', node: absent }), encodeFrame({ kind: 'pong', token: new Uint8Array(8) })),
  encodeFrame({ kind: 'draining' }),
  encodeFrame({ kind: 'caller', token, source: SEEN_AT }),
  encodeFrame({ kind: 'knocked', token, outcome: 'silent' }),
  datagrams(bob.id, 3_000, 1_000),
  concatBytes(datagrams(bob.id, 90, 40), datagrams(alice.id, 10, 10)),
]

/** Half of the messages have frames changed, each with its right length; the others bytes anywhere. */
const mutateMessage: Mutation<Uint8Array> = (valid, other, draw) => {
  if (draw.chance(0.5)) return mutateBytes(valid, other, draw)
  const frames = [...framesOf(valid), ...framesOf(other)].filter(() => draw.chance(0.7))
  const changed = frames.map((frame) =>
    draw.chance(0.5) ? frame : withBody(frame, mutateBody(frame.subarray(3), draw)),
  )
  return concatBytes(...changed).slice(0, MAX_MESSAGE)
}

const mutateBody = (body: Uint8Array, draw: SeededRandom): Uint8Array =>
  draw.chance(0.5) ? mutateBytes(body, body, draw) : body.map((byte) => (draw.chance(0.02) ? draw.below(256) : byte))

const withBody = (frame: Uint8Array, body: Uint8Array): Uint8Array =>
  concatBytes(Uint8Array.of(frame[0] ?? 0, body.length >> 8, body.length & 0xff), body)

function framesOf(message: Uint8Array): readonly Uint8Array[] {
  const frames: Uint8Array[] = []
  for (let at = 0, end = 0; at < message.length; at = end) {
    end = frameEnd(message, at)
    frames.push(message.subarray(at, end))
  }
  return frames
}

fuzz({
  name: 'a message of a relay’s frames',
  mutate: mutateMessage,
  scene: () => ({
    valid: [...ofVisitors, ...ofRelays],
    read(message) {
      const frames = decodeFrames(message)
      if (frames === undefined) return 'malformed'
      assert.equal(toHex(concatBytes(...frames.map(encodeFrame))), toHex(message), 'it is written as it was')
      for (const frame of frames)
        if (frame.kind === 'datagrams') {
          const carried = runsOf(frame.frames).flatMap(datagramsOf)
          assert.equal(carried.length, frame.count)
          const bytes = carried.reduce((sum, { length }) => sum + length, 0)
          assert.equal(bytes, datagramBytes(frame.frames, frame.count), 'every byte is of a datagram')
        }
      return frames[0]?.kind ?? 'nothing'
    },
  }),
  reaches: [
    ...['challenge', 'admission', 'admitted', 'datagrams', 'absent', 'ping', 'pong', 'draining', 'coordinator'],
    ...['welcome', 'revocation', 'caller', 'answer', 'knock', 'knocked', 'malformed'],
  ],
  sources: ['relay-protocol/src/frames.ts'],
})

/** A relay with bob, and whom it hears. */
class Relay {
  readonly hub = new RelayHub({
    ...key,
    elsewhere: { coordinatorKey: coordinatorKey.publicKey(crypto), stunPort: 3478 },
    crypto,
    random,
  })
  #last = 0

  /** Lets somebody in, who is challenged at least. */
  open(visitor?: RelayVisitor): number {
    const client = ++this.#last
    this.hub.opened(client, SEEN_AT)
    const [first] = decodeFrames(this.hub.take(client) ?? assert.fail()) ?? []
    assert.ok(first?.kind === 'challenge')
    if (visitor !== undefined) this.hub.received(client, encodeFrame(admissionOf(visitor, first, crypto)), now)
    this.outputs()
    while (this.hub.take(client) !== undefined);
    return client
  }

  outputs(): readonly HubOutput[] {
    const outputs: HubOutput[] = []
    for (let output = this.hub.poll(); output !== undefined; output = this.hub.poll()) outputs.push(output)
    return outputs
  }

  /** What waits for the client. */
  said(client: number): readonly Frame[] {
    const frames: Frame[] = []
    for (let message = this.hub.take(client); message !== undefined; message = this.hub.take(client))
      frames.push(...(decodeFrames(message) ?? assert.fail('what a relay says is well-formed')))
    return frames
  }
}

type Who = 'stranger' | 'member' | 'coordinator'
const visitors = {
  stranger: undefined,
  member: alice,
  coordinator: { kind: 'coordinator', key: coordinatorKey },
} as const

fuzz({
  name: 'a relay, by what anybody says to it,',
  mutate: mutateMessage,
  scene: (draw) => {
    const relay = new Relay()
    const { hub } = relay
    const bobs = relay.open(bob)
    const open = new Map<Who, number>()
    return {
      valid: ofVisitors,
      read(message) {
        const who = draw.pick<Who>(['stranger', 'member', 'coordinator'])
        const client = open.get(who) ?? relay.open(visitors[who])
        open.set(who, client)
        const nodes = hub.nodes
        // It is the hub's from then on.
        hub.received(client, message.slice(), now)
        const outputs = relay.outputs()
        const heard = relay.said(bobs)
        relay.said(client)
        assert.ok(outputs.every((output) => output.client === client || (output.kind === 'ready' && who === 'member')))
        assert.ok(
          outputs.every(({ kind }) => kind !== 'admitted' && kind !== 'answered'),
          'nobody is let in by it',
        )
        assert.ok(heard.every((frame) => frame.kind === 'datagrams' && toHex(frame.node) === toHex(alice.id)))
        const end = outputs.find((output) => output.kind === 'close')
        assert.equal(hub.nodes, end !== undefined && who === 'member' ? nodes - 1 : nodes)
        if (end !== undefined) {
          hub.closed(client)
          open.delete(who)
        }
        for (const output of outputs) if (output.kind === 'knock') hub.knocked(client, output.token, 'silent')
        return `${who} ${end?.kind === 'close' ? end.reason : heard.length > 0 ? 'forwarded' : 'heard'}`
      },
    }
  },
  reaches: [
    ...['stranger message-malformed', 'stranger admission-refused', 'stranger caller-gone'],
    ...['member message-malformed', 'member forwarded', 'member heard', 'coordinator message-malformed'],
    'coordinator heard',
  ],
  sources: ['relay-protocol/src/relay-hub.ts', 'relay-protocol/src/admission.ts', 'relay-protocol/src/outbox.ts'],
  inputs: { long: 200_000 },
})

const visitorsOfRelays = [alice, { kind: 'coordinator', key: coordinatorKey }] as const

fuzz({
  name: 'a node, by what a relay says to it,',
  mutate: mutateMessage,
  scene: (draw) => ({
    valid: ofRelays,
    read(message) {
      const visitor = draw.pick(visitorsOfRelays)
      const client = new RelayClient({ crypto, random: draw, relay: RELAY, places: ['there'], visitor })
      const outputs = (): readonly RelayClientOutput<string>[] => {
        const all: RelayClientOutput<string>[] = []
        for (let output = client.poll(); output !== undefined; output = client.poll()) all.push(output)
        return all
      }
      client.handle({ kind: 'start' }, now)
      client.handle({ kind: 'opened', connection: 1, version: 2 }, now)
      const isLetIn = draw.chance(0.7)
      const welcome: Frame =
        visitor.kind === 'member' ? { kind: 'admitted' } : { kind: 'welcome', stunPort: 1, seenAt: SEEN_AT }
      if (isLetIn)
        for (const frame of [challenge, welcome])
          client.handle({ kind: 'received', connection: 1, message: encodeFrame(frame) }, now)
      outputs()
      client.handle({ kind: 'received', connection: 1, message: message.slice() }, now)
      const answered = outputs()
      for (const output of answered) {
        if (output.kind === 'send') assert.ok(decodeFrames(output.frames) !== undefined)
        if (output.kind === 'datagrams') assert.ok(output.run.bytes.length > 0)
        assert.ok(output.kind !== 'connect', 'it goes nowhere because of what a relay says')
        if (visitor.kind === 'member') assert.ok(!['welcome', 'caller', 'knocked'].includes(output.kind))
      }
      assert.ok(client.nextTimeout() !== undefined, 'it goes on')
      client.wake({ ...now, instant: client.nextTimeout() ?? now.instant })
      const last = answered.at(-1)
      return `${isLetIn ? 'connected' : 'connecting'}: ${last?.kind === 'state' ? last.state : (last?.kind ?? 'nothing')}`
    },
  }),
  reaches: [
    ...['connecting: send', 'connecting: away', 'connecting: nothing', 'connected: away', 'connected: nothing'],
    ...['connected: datagrams', 'connected: absent', 'connected: caller', 'connected: knocked'],
  ],
  sources: ['relay-protocol/src/relay-client.ts'],
})
