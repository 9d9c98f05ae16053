import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Endpoint, type Instant, type Prefix, parsePrefix } from '@weft/base'
import type { DatapathCommand, DropReason, Path, SocketId } from '@weft/datapath'
import type { FilterRule } from '@weft/filter'
import { ipTotalLength } from '@weft/packet'
import type { PeerIndex, TransportSession } from '@weft/wireguard'
import { FarEnd } from '../far-end.ts'
import { udpPacket } from '../test-packets.ts'
import { type DatapathHarness, HARNESS_SOCKET } from './harness.ts'

export const BOB = 1 as PeerIndex
export const CAROL = 2 as PeerIndex
/** The addresses in the tunnel: alice's datapath is under test, bob and carol are its peers. */
export const ALICE4 = '10.9.0.1'
export const BOB4 = '10.9.0.2'
export const CAROL4 = '10.9.0.3'
export const ALICE6 = 'fd00:9::1'
export const BOB6 = 'fd00:9::2'
export const MTU = 1420

const BARRIER_SOCKET = 9 as SocketId
const SESSION_LIFE = 180_000

export type MakeHarness = () => Promise<DatapathHarness>

/** Registers one claim; each has a datapath of its own. */
export function claimOf(make: MakeHarness, name: string, body: (scene: Scene) => Promise<void>): void {
  test(name, async () => {
    const harness = await make()
    try {
      await body(new Scene(harness))
    } finally {
      await harness.close()
    }
  })
}

/** What the claims need again and again. */
export class Scene {
  readonly h: DatapathHarness

  constructor(harness: DatapathHarness) {
    this.h = harness
  }

  /** Commands and what comes from outside reach a datapath on different ways: waits until the commands were obeyed. */
  async tell(...commands: readonly DatapathCommand[]): Promise<void> {
    for (const command of commands) this.h.tell(command)
    this.h.tell({ kind: 'open-socket', socket: BARRIER_SOCKET, family: 4, port: 0 })
    this.h.tell({ kind: 'close-socket', socket: BARRIER_SOCKET })
    await this.h.takeReport('socket-opened')
  }

  /** Adds bob with his addresses and a path, and lets all in that he sends. */
  async addBob({ roams = false } = {}): Promise<void> {
    await this.tell(
      { kind: 'add-peer', peer: BOB, roams },
      { kind: 'set-allowed-ips', peer: BOB, prefixes: prefixes(`${BOB4}/32`, `${BOB6}/128`) },
      { kind: 'set-path', peer: BOB, path: { route: this.direct(), mtu: MTU } },
      { kind: 'set-filter', rules: [allowAll] },
    )
  }

  /** `addBob`, and a session of which alice was the initiator, so that it is in use at once. */
  async connectBob(): Promise<FarEnd> {
    await this.addBob()
    return this.install(this.farEnd(7))
  }

  /** The other end of a session to come; numbers up to 99 make different keys. */
  farEnd(
    localIndex: number,
    options: {
      readonly role?: TransportSession['role']
      readonly rekeyAfter?: Instant
      readonly rekeyAfterReceiving?: Instant
      readonly rejectAfter?: Instant
    } = {},
  ): FarEnd {
    const { role = 'initiator', rejectAfter = this.after(SESSION_LIFE) } = options
    return new FarEnd({ ...options, role, localIndex, rejectAfter })
  }

  async install(end: FarEnd, peer: PeerIndex = BOB): Promise<FarEnd> {
    await this.tell({ kind: 'install-session', peer, session: end.session() })
    return end
  }

  /** Milliseconds from now. */
  after(milliseconds: number): Instant {
    return (this.h.now() + milliseconds) as Instant
  }

  direct(remote: Endpoint = this.h.remote): Path {
    return { kind: 'direct', socket: HARNESS_SOCKET, remote }
  }

  /** Waits until the next datagram holds exactly this packet, sealed for that end. */
  async expectSealed(end: FarEnd, packet: Uint8Array, at: Endpoint = this.h.remote): Promise<bigint> {
    return expectHolds(end, await this.h.takeDatagram(at), packet)
  }

  async expectDelivered(packet: Uint8Array): Promise<void> {
    assert.deepEqual(await this.h.takePortPacket(), packet)
  }

  /** Waits until so many were dropped for that reason, and says what was dropped instead where that does not happen. */
  async expectDrops(reason: DropReason, count = 1): Promise<void> {
    try {
      await this.h.until(() => this.h.drops()[reason] === count)
    } catch (cause) {
      const seen = Object.entries(this.h.drops()).filter(([, times]) => times > 0)
      throw new Error(`${count} times ${reason} expected, dropped were: ${JSON.stringify(seen)}`, { cause })
    }
  }
}

export const fromAlice = (tag = 0): Uint8Array => tagged(ALICE4, BOB4, tag)
export const fromBob = (tag = 0): Uint8Array => tagged(BOB4, ALICE4, tag)
export const fromAlice6 = (tag = 0): Uint8Array => tagged(ALICE6, BOB6, tag)
export const fromBob6 = (tag = 0): Uint8Array => tagged(BOB6, ALICE6, tag)

/** UDP from and to port 5000, so that packets of both directions are of one flow; the tag tells them apart. */
function tagged(source: string, destination: string, tag: number): Uint8Array {
  const data = new Uint8Array(20).fill(tag)
  return udpPacket({ source, destination, sourcePort: 5000, destinationPort: 5000, data })
}

/** The counter of a datagram that holds exactly this packet and padding of zeros. */
export function expectHolds(end: FarEnd, datagram: Uint8Array, packet: Uint8Array): bigint {
  const opened = end.open(datagram)
  assert.ok(opened !== undefined, 'the datagram is sealed for that end')
  const { padded, counter } = opened
  assert.equal(ipTotalLength(padded, 0, padded.length), packet.length)
  assert.deepEqual(padded.slice(0, packet.length), packet)
  assert.ok(padded.slice(packet.length).every((byte) => byte === 0))
  return counter
}

export function prefixes(...texts: readonly string[]): readonly Prefix[] {
  return texts.map((text) => {
    const prefix = parsePrefix(text)
    assert.ok(prefix !== undefined)
    return prefix
  })
}

const EVERYWHERE = prefixes('0.0.0.0/0', '::/0')
export const allowAll: FilterRule = { reason: 'all', sources: EVERYWHERE, destinations: EVERYWHERE, protocol: 'any' }
