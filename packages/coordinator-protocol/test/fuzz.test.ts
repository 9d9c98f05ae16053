import assert from 'node:assert/strict'
import { concatBytes, type IpAddress, randomBytes, toBase64, utf8 } from '@weft/base'
import { nativeCrypto } from '@weft/crypto'
import { fuzz, type Mutation, mutateBytes, mutateJson, type SeededRandom } from '@weft/testing'
import { MessageJoiner, splitMessage } from '../src/channel-frames.ts'
import {
  ChannelInitiator,
  ChannelResponder,
  MAX_FRAME_LENGTH,
  MAX_MESSAGE_TO_COORDINATOR,
  MAX_MESSAGE_TO_NODE,
  mergeNetmap,
  type NetmapRecord,
  netmapParts,
  readFromCoordinator,
  readFromNode,
  requestIdOf,
} from '../src/index.ts'
import {
  aliceChannelKey,
  at,
  change,
  channelCertificate,
  coordinatorKey,
  crypto,
  keyOf,
  netmap,
  nodeIdNumber,
  peer,
  record,
  START,
  serverChannelKey,
} from './fixture.ts'

const certificate = toBase64(new Uint8Array(160))
const request = (method: string, params: object) => JSON.stringify({ type: 'request', id: 1, method, params })

const fromNode = [
  request('open-link', { linkKey: keyOf('link').publicKey(crypto) }),
  request('join', { record, certificate, hostName: "Alice's Laptop" }),
  request('subscribe', { node: nodeIdNumber(1), epoch: 'first', number: 3 }),
  request('revoke', { revocations: [toBase64(new Uint8Array(300))] }),
  request('publish', { endpoints: peer(1).endpoints, record }),
  request('link-place', {}),
  request('link-deposit', { certificate, reusable: false }),
  request('link-create', { reusable: true, expiresSeconds: 3600, tags: ['lab'] }),
  request('link-revoke', { id: 'abc-123' }),
  '{"type":"ping"}',
]

fuzz({
  name: 'a message from a node',
  mutate: mutateJson,
  scene: () => ({
    valid: fromNode,
    read(text) {
      const message = readFromNode(text)
      const id = requestIdOf(text)
      if (message === undefined) return id === undefined ? 'refused' : 'refused-by-number'
      assert.deepEqual(readFromNode(JSON.stringify(message)), message, 'what was read is read again')
      assert.equal(message.type === 'request' ? message.id : undefined, id)
      return message.type
    },
  }),
  reaches: ['request', 'ping', 'refused', 'refused-by-number'],
  sources: ['coordinator-protocol/src/messages.ts', 'coordinator-protocol/src/fields.ts'],
})

const records: readonly NetmapRecord[] = [
  { name: 'git', type: 'A', value: peer(1).address4 },
  { name: 'a.b', type: 'AAAA', value: '2001:db8::1' as IpAddress },
  { name: '_acme.www', type: 'TXT', value: 'any text: ü' },
]
const held = netmap(7, [peer(1), peer(2)], {
  grants: [
    { reason: 'ssh', account: nodeIdNumber(5) as never, protocol: 'tcp', ports: { first: 22, last: 22 } },
    { reason: 'own devices', account: nodeIdNumber(5) as never, protocol: 'any' },
  ],
  records,
  revocations: [toBase64(new Uint8Array(300)), toBase64(new Uint8Array(301))],
})

const fromCoordinator = [
  held,
  netmap(0),
  change(7, 8),
  change(7, 8, { revocations: [toBase64(new Uint8Array(302))] }),
  { type: 'removed', revocation: toBase64(new Uint8Array(300)) },
  change(7, 7, { self: held.self, upsert: [peer(3)], remove: [nodeIdNumber(1)], grants: held.grants, records }),
  { type: 'answer', id: 4, result: { any: 'thing' } },
  { type: 'answer', id: 4, error: { code: 'link-used', message: 'this link was used: ask for a new one' } },
  { type: 'pong' },
].map((message) => JSON.stringify(message))

fuzz({
  name: 'a message from a coordinator',
  mutate: mutateJson,
  scene: () => ({
    valid: fromCoordinator,
    read(text) {
      const message = readFromCoordinator(text)
      if (message === undefined) return 'refused'
      assert.deepEqual(readFromCoordinator(JSON.stringify(message)), message, 'what was read is read again')
      if (message.type !== 'change') return message.type
      const merged = mergeNetmap(held, message)
      if (merged === undefined) return 'change-elsewhere'
      assert.deepEqual(readFromCoordinator(JSON.stringify(merged)), merged, 'what a change leads to is a netmap')
      return 'change'
    },
  }),
  reaches: ['netmap', 'change', 'change-elsewhere', 'answer', 'pong', 'removed', 'refused'],
  sources: ['coordinator-protocol/src/messages.ts', 'coordinator-protocol/src/netmap.ts'],
})

const behindText = [held, netmap(3, [peer(1)]), change(7, 8, { upsert: [peer(3), peer(4)] })]

fuzz({
  name: "a message with peers' proofs behind its text",
  mutate: mutateBytes,
  scene: () => ({
    valid: behindText.map((message) => concatBytes(...netmapParts(message, 4)).slice(1)),
    read(whole) {
      const heard = new MessageJoiner(MAX_MESSAGE_TO_NODE, true).take(concatBytes(Uint8Array.of(1), whole))
      if (heard.kind !== 'message') return heard.kind
      const message = readFromCoordinator(heard.text, heard.bytes)
      if (message === undefined) return heard.bytes === undefined ? 'refused-text' : 'refused-bytes'
      assert.deepEqual(readFromCoordinator(JSON.stringify(message)), message, 'what was read is read again')
      return message.type
    },
  }),
  reaches: ['netmap', 'change', 'refused-bytes', 'fault'],
  sources: ['coordinator-protocol/src/peer-proofs.ts', 'coordinator-protocol/src/channel-frames.ts'],
})

/** Every third plaintext is as long as a part that others follow. */
const mutatePlaintext: Mutation<Uint8Array> = (valid, other, random) => {
  const changed = mutateBytes(valid, other, random)
  return random.chance(0.3)
    ? concatBytes(changed, new Uint8Array(MAX_FRAME_LENGTH)).slice(0, MAX_FRAME_LENGTH - 16)
    : changed
}

fuzz({
  name: "a frame's plaintext",
  mutate: mutatePlaintext,
  scene: () => {
    let joiner = new MessageJoiner(MAX_MESSAGE_TO_COORDINATOR)
    return {
      valid: [...splitMessage('{"type":"ping"}', 64), ...splitMessage('', 64), utf8('\0more'), utf8('\u0001é')],
      read(plaintext) {
        const heard = joiner.take(plaintext)
        if (heard.kind === 'message') assert.ok(utf8(heard.text).length <= MAX_MESSAGE_TO_COORDINATOR)
        if (heard.kind !== 'fault') return heard.kind
        joiner = new MessageJoiner(MAX_MESSAGE_TO_COORDINATOR)
        return heard.fault
      },
    }
  },
  reaches: ['message', 'more', 'frame-malformed', 'message-too-large', 'message-not-text'],
  sources: ['coordinator-protocol/src/channel-frames.ts'],
})

const responder = (random: SeededRandom) =>
  new ChannelResponder({
    crypto: nativeCrypto,
    random,
    channelKey: serverChannelKey,
    certificate: channelCertificate(),
  })
const initiator = (random: SeededRandom) =>
  new ChannelInitiator({
    crypto: nativeCrypto,
    random,
    coordinatorKey: coordinatorKey.publicKey(crypto),
    channelKey: aliceChannelKey,
    at: at(START),
  })

interface End {
  receive(frame: Uint8Array): void
  poll(): { readonly kind: string; readonly frame?: Uint8Array; readonly reason?: string } | undefined
}

/** Every frame of a whole conversation, by its place, and each end as it was before that frame. */
function conversation(random: SeededRandom): { readonly frames: readonly Uint8Array[]; open(): readonly [End, End] } {
  const seed = randomBytes(random, 32)
  const same: SeededRandom = { ...random, fill: (bytes) => void bytes.set(seed.subarray(0, bytes.length)) }
  const frames: Uint8Array[] = []
  const [node, server] = [initiator(same), responder(same)]
  const carry = (from: End, to: End) => {
    for (let output = from.poll(); output !== undefined; output = from.poll()) {
      if (output.frame === undefined) continue
      frames.push(output.frame)
      to.receive(output.frame)
    }
  }
  carry(server, node)
  carry(node, server)
  carry(server, node)
  node.send('{"type":"ping"}')
  carry(node, server)
  server.send('{"type":"pong"}')
  carry(server, node)
  return { frames, open: () => [initiator(same), responder(same)] }
}

fuzz({
  name: 'a frame of the channel, at any place in it,',
  mutate: mutateBytes,
  scene: (random) => {
    const { frames, open } = conversation(random)
    return {
      valid: frames,
      read(input) {
        const [node, server] = open()
        const place = random.below(frames.length)
        const frame = random.chance(0.1) ? (frames[place] ?? input) : input
        const ends = [node, server, node, server, node]
        for (const [i, before] of frames.slice(0, place).entries()) ends[i]?.receive(before)
        const end = ends[place] ?? node
        while (end.poll() !== undefined) {
          // What it said so far is known.
        }
        end.receive(frame)
        return `${place} ${outcomeOf(end, frame, frames[place])}`
      },
    }
  },
  reaches: [
    ...['0 frame', '1 frame', '2 open', '3 open', '4 message'],
    ...['0 failed', '1 failed', '2 failed', '3 failed', '4 failed'],
  ],
  sources: [
    'coordinator-protocol/src/channel-initiator.ts',
    'coordinator-protocol/src/channel-responder.ts',
    'coordinator-protocol/src/channel-stream.ts',
    'noise/src/',
  ],
  inputs: { short: 1_000, long: 50_000 },
})

/** Only the very frame that belongs there brings a channel further. */
function outcomeOf(end: End, frame: Uint8Array, right: Uint8Array | undefined): string {
  const first = end.poll()
  const isRight = right !== undefined && Buffer.compare(frame, right) === 0
  if (!isRight) assert.ok(first === undefined || first.kind === 'failed', `${first?.kind} by a frame that is not due`)
  return first?.kind ?? 'silent'
}
