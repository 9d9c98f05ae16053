import {
  concatBytes,
  type Duration,
  earliest,
  equalBytes,
  type Instant,
  type IpAddress,
  ipFromBytes,
  later,
  type Now,
  type Random,
  randomBytes,
  randomUint32,
} from '@weft/base'
import type { DatapathReport } from '@weft/datapath'
import { addressLength, buildEchoRequest, ipVersion, readEchoReply, sourceOffset } from '@weft/packet'
import { type Emit, isPast } from './node-interface.ts'
import type { Peer } from './peer.ts'

/** Echo replies that begin with such a token are the node's own (`expect-echo`). */
const TOKEN_BYTES = 8
const NONCE_BYTES = 8
/** Pings under way at a time. */
const MAX_PINGS = 1024

interface PingUnderWay {
  readonly token: number
  readonly peer: Peer
  readonly address: IpAddress
  readonly nonce: Uint8Array
  readonly sent: Instant
  readonly deadline: Instant
}

type EchoReport = Extract<DatapathReport, { kind: 'echo' }>

/**
 * Pings through the tunnel: an echo request like any other packet of this machine, told from those of its programs by
 * the node's token. A second random part, new for each, ties a reply to its request; a peer cannot answer ahead.
 */
export class Pings {
  readonly #emit: Emit
  readonly #random: Random
  readonly #echoToken: Uint8Array
  readonly #underWay = new Map<number, PingUnderWay>()
  readonly #identifier: number
  #nextSequence = 0

  constructor(emit: Emit, random: Random) {
    this.#emit = emit
    this.#random = random
    this.#echoToken = randomBytes(random, TOKEN_BYTES)
    this.#identifier = randomUint32(random) & 0xffff
  }

  start(): void {
    this.#tell({ kind: 'expect-echo', token: this.#echoToken })
  }

  send(
    ping: { readonly token: number; readonly peer: Peer; readonly source: IpAddress; readonly destination: IpAddress },
    timeout: Duration,
    now: Now,
  ): void {
    if (this.#underWay.size >= MAX_PINGS) {
      this.#emit({ kind: 'ping-answer', token: ping.token, outcome: { kind: 'busy' } })
      return
    }
    const sequence = this.#takeSequence()
    const nonce = randomBytes(this.#random, NONCE_BYTES)
    this.#underWay.set(sequence, {
      token: ping.token,
      peer: ping.peer,
      address: ping.destination,
      nonce,
      sent: now.instant,
      deadline: later(now.instant, timeout),
    })
    const data = concatBytes(this.#echoToken, nonce)
    const { source, destination } = ping
    this.#tell({
      kind: 'send-packet',
      packet: buildEchoRequest({ source, destination, identifier: this.#identifier, sequence, data }),
    })
  }

  onEcho(report: EchoReport): void {
    const reply = readEchoReply(report.packet)
    const ping = reply === undefined ? undefined : this.#underWay.get(reply.sequence)
    if (reply === undefined || ping === undefined || ping.peer.index !== report.peer) return
    if (sourceOf(report.packet) !== ping.address || !equalBytes(reply.data, this.#dataOf(ping))) return
    this.#underWay.delete(reply.sequence)
    const { peer, address } = ping
    const rttMs = Math.max(0, report.at - ping.sent)
    peer.rttMs = rttMs
    this.#emit({
      kind: 'ping-answer',
      token: ping.token,
      outcome: {
        kind: 'reply',
        peer: peer.identity.id,
        address,
        rttMs,
        ...(peer.path === undefined ? {} : { path: peer.path }),
      },
    })
  }

  wake(now: Instant): void {
    for (const [sequence, ping] of this.#underWay) {
      if (isPast(ping.deadline, now)) this.#giveUp(sequence, ping)
    }
  }

  nextTimeout(): Instant | undefined {
    return earliest(...[...this.#underWay.values()].map(({ deadline }) => deadline))
  }

  /** Answers all as timed out. */
  stop(): void {
    for (const [sequence, ping] of this.#underWay) this.#giveUp(sequence, ping)
  }

  #giveUp(sequence: number, { token, peer, address }: PingUnderWay): void {
    this.#underWay.delete(sequence)
    this.#emit({ kind: 'ping-answer', token, outcome: { kind: 'timeout', peer: peer.identity.id, address } })
  }

  #takeSequence(): number {
    do this.#nextSequence = (this.#nextSequence + 1) & 0xffff
    while (this.#underWay.has(this.#nextSequence))
    return this.#nextSequence
  }

  #dataOf(ping: PingUnderWay): Uint8Array {
    return concatBytes(this.#echoToken, ping.nonce)
  }

  #tell(command: Extract<Parameters<Emit>[0], { kind: 'datapath' }>['command']): void {
    this.#emit({ kind: 'datapath', command })
  }
}

/** Of a packet that is known to be whole. */
function sourceOf(packet: Uint8Array): IpAddress {
  const at = sourceOffset(packet, 0)
  return ipFromBytes(packet.subarray(at, at + addressLength(ipVersion(packet, 0, packet.length) === 4 ? 4 : 6)))
}
