import assert from 'node:assert/strict'
import { type Instant, parsePrefix } from '@weft/base'
import { DROP_REASONS, type DropReason } from '@weft/datapath'
import { PrivateKey } from '@weft/keys'
import { portableCrypto } from '@weft/keys/portable'
import { FarEnd, HARNESS_SOCKET, seededRandom, udpPacket } from '@weft/testing'
import { mac1KeyOf, type PeerIndex } from '@weft/wireguard'
import { PortableHarness } from './portable-harness.ts'

export const BOB = 1 as PeerIndex
const EVERYWHERE = [parsePrefix('0.0.0.0/0'), parsePrefix('::/0')].filter((prefix) => prefix !== undefined)
const publicKey = PrivateKey.generate('node', seededRandom(1)).publicKey(portableCrypto)

export interface Connected {
  readonly harness: PortableHarness
  readonly end: FarEnd
  /** What has crossed the wire already. */
  readonly seen: readonly Uint8Array[]
}

/** Bob's session is in use, and another one that alice answered waits for its first packet. */
export function connected(): Connected {
  const harness = new PortableHarness()
  const rejectAfter = (harness.now() + 1e9) as Instant
  const end = new FarEnd({ role: 'initiator', localIndex: 7, rejectAfter })
  const next = new FarEnd({ role: 'responder', localIndex: 8, rejectAfter })
  harness.tell({ kind: 'set-local-keys', keys: [publicKey] })
  harness.tell({ kind: 'add-peer', peer: BOB })
  harness.tell({ kind: 'set-allowed-ips', peer: BOB, prefixes: EVERYWHERE })
  harness.tell({
    kind: 'set-filter',
    rules: [{ reason: 'all', sources: EVERYWHERE, destinations: EVERYWHERE, protocol: 'any' }],
  })
  const route = { kind: 'direct', socket: HARNESS_SOCKET, remote: harness.remote } as const
  harness.tell({ kind: 'set-path', peer: BOB, path: { route, mtu: 1280 } })
  harness.tell({ kind: 'install-session', peer: BOB, session: end.session() })
  harness.tell({ kind: 'install-session', peer: BOB, session: next.session() })
  const transport = end.seal(udpPacket({ source: '10.9.0.2', destination: '10.9.0.1' }))
  const keepalive = end.seal(new Uint8Array(0))
  for (const datagram of [transport, keepalive]) harness.receive(datagram)
  harness.delivered.length = 0
  harness.reports.length = 0
  return { harness, end, seen: [transport, keepalive, handshake(1, 148), handshake(2, 92), cookieReply()] }
}

export function assertStillWorks({ harness, end }: Connected): void {
  harness.handle({ kind: 'beat' })
  const packet = udpPacket({ source: '10.9.0.2', destination: '10.9.0.1', data: new Uint8Array(3) })
  harness.receive(end.seal(packet, 1000n))
  assert.deepEqual(harness.delivered.at(-1), packet)
  const back = udpPacket({ source: '10.9.0.1', destination: '10.9.0.2' })
  harness.portPacket(back)
  assert.equal(harness.sent.at(-1)?.to, harness.remote)
  const opened = end.open(harness.sent.at(-1)?.datagram ?? new Uint8Array(32))
  assert.deepEqual(opened?.padded.slice(0, back.length), back)
}

/** Every datagram is either dropped for a reason or goes up. */
export function accountedFor(harness: PortableHarness): number {
  const drops = harness.drops()
  const dropped = DROP_REASONS.filter((reason) => !OUTWARD.has(reason)).reduce((sum, reason) => sum + drops[reason], 0)
  return dropped + harness.untaken('handshake') + harness.untaken('datagram')
}

const OUTWARD: ReadonlySet<string> = new Set(['not-ip', 'no-peer', 'too-big', 'filtered-out'])

/** What became of the one datagram that came since these were counted. */
export function outcomeSince(before: Readonly<Record<DropReason, number>>, harness: PortableHarness): string {
  const drops = harness.drops()
  const dropped = DROP_REASONS.filter((reason) => drops[reason] > before[reason])
  if (dropped.length > 0) return dropped.join('+')
  return harness.reports.at(-1)?.kind ?? (harness.delivered.length > 0 ? 'delivered' : 'taken')
}

/** Of a handshake's form, with the mac1 that lets it up. */
export function withMac1(message: Uint8Array): Uint8Array {
  const copy = message.slice()
  const at = copy.length - 32
  if (at < 0) return copy
  copy.set(portableCrypto.blake2sMac(mac1Key, copy.subarray(0, at)), at)
  return copy
}

const mac1Key = mac1KeyOf(publicKey, portableCrypto)

function handshake(type: number, length: number): Uint8Array {
  const message = new Uint8Array(length)
  seededRandom(type).fill(message)
  message.set([type, 0, 0, 0])
  return withMac1(message)
}

function cookieReply(): Uint8Array {
  const reply = new Uint8Array(64).fill(9)
  reply.set([3, 0, 0, 0])
  return reply
}
