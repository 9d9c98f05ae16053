import { IPV4_HEADER, IPV6_HEADER, PROTOCOL_TCP, PROTOCOL_UDP } from './ip-header.ts'
import { byteAt, putUint16, uint16At, uint32At } from './memory.ts'
import { SummedMemory } from './summed-memory.ts'
import { SEGMENTS_TCP4, SEGMENTS_TCP6, SEGMENTS_UDP, VIRTIO_HEADER, VirtioHeader } from './virtio-header.ts'

/** Linux: UDP_MAX_SEGMENTS was 64 until 6.9. */
const MAX_PARTS = 64
const MAX_TOTAL = 65_535
const MAX_GROUPS = 8
const TCP_HEADER = 20
const TCP_CHECKSUM = 16
const TCP_ACK = 0x10
const TCP_PSH = 0x08
const UDP_HEADER = 8
const UDP_CHECKSUM = 6
const DONT_FRAGMENT = 0x40

/** Many packets as one, or one alone: a virtio header and the first packet without a gap, then the payloads of those that follow. */
export interface PacketParts {
  readonly count: number
  offset(part: number): number
  length(part: number): number
}

/** Packets of one flow that follow each other. */
class Group implements PacketParts {
  readonly offsets = new Int32Array(MAX_PARTS)
  readonly lengths = new Int32Array(MAX_PARTS)
  count = 0
  owner = 0
  isIpv4 = false
  isTcp = false
  /** From the IP header to the transport header, and to the payload. */
  transport = 0
  headers = 0
  /** Each payload's length; the last may be shorter. */
  payload = 0
  /** Of all, headers once. */
  total = 0
  /** TCP's sequence number of what would follow. */
  next = 0
  identification = 0
  flags = 0
  isFirstVerified = false

  offset(part: number): number {
    return this.offsets[part] as number
  }

  length(part: number): number {
    return this.lengths[part] as number
  }
}

/** What becomes of groups. The memory may be used anew when it returns. */
export interface CoalescerOutlet {
  /** One packet, as it came; how long it is. */
  deliver(offset: number, length: number): void
  /** `packets` of them as one. */
  deliverParts(parts: PacketParts, packets: number): void
}

/**
 * Joins packets of TCP, and of UDP where `joinsUdp`, that follow each other in their flow, as the kernel's receive offload
 * does (`tcp_gro_receive`, `udp_gro_receive`): all headers alike but for what counts on, all payloads of one length, the
 * last perhaps shorter, every transport checksum right. Packets are not moved. A few flows may be interleaved; within a flow order is kept.
 *
 * A packet that joins a group has the owner, addresses, ports and flags of those before it: what was decided for the first holds for it.
 */
export class Coalescer {
  readonly #memory: Uint8Array
  readonly #summed: SummedMemory
  readonly #outlet: CoalescerOutlet
  readonly #joinsUdp: boolean
  readonly #groups: readonly Group[] = Array.from({ length: MAX_GROUPS }, () => new Group())
  readonly #virtio = new VirtioHeader()
  #oldest = 0
  #open = 0

  constructor(
    memory: Uint8Array,
    outlet: CoalescerOutlet,
    options: { readonly joinsUdp: boolean; readonly summed?: SummedMemory },
  ) {
    this.#memory = memory
    this.#outlet = outlet
    this.#joinsUdp = options.joinsUdp
    this.#summed = options.summed ?? new SummedMemory(memory)
  }

  /** True: the packet has joined others, and is not to be looked at any more. False: those of its flow have been delivered. */
  join(offset: number, total: number, owner: number): boolean {
    if (this.#open === 0) return false
    const group = this.#find(offset, total, owner)
    if (group === undefined) return false
    if (!this.#follows(group, offset, total) || !this.#isVerified(group, offset, total)) {
      this.#emit(group)
      return false
    }
    this.#append(group, offset, total)
    return true
  }

  /** Begins a group with a packet that `join` did not take, and that 10 free bytes lie before. False: it is not of a kind that others can join. */
  begin(offset: number, total: number, owner: number): boolean {
    const transport = this.#transportOf(offset, total)
    if (transport === 0) return false
    const isTcp = this.#protocol(offset) === PROTOCOL_TCP
    const headers = isTcp ? this.#tcpHeaders(offset, transport, total) : transport + UDP_HEADER
    if (headers === 0 || headers >= total) return false
    const memory = this.#memory
    const flags = isTcp ? byteAt(memory, offset + transport + 13) : 0
    // One that is pushed ends a group, so that none begins with it.
    if (isTcp ? flags !== TCP_ACK : !this.#joinsUdp || !this.#isWholeDatagram(offset + transport, total - transport))
      return false
    const group = this.#take()
    group.count = 1
    group.offsets[0] = offset - VIRTIO_HEADER
    group.lengths[0] = total + VIRTIO_HEADER
    group.owner = owner
    group.isIpv4 = byteAt(memory, offset) >>> 4 === 4
    group.isTcp = isTcp
    group.transport = transport
    group.headers = headers
    group.payload = total - headers
    group.total = total
    group.next = isTcp ? (uint32At(memory, offset + transport + 4) + group.payload) | 0 : 0
    group.identification = group.isIpv4 ? uint16At(memory, offset + 4) : 0
    group.flags = flags
    group.isFirstVerified = false
    return true
  }

  /** Delivers all that has been joined. */
  flush(): void {
    // The oldest first: it was there before.
    for (let i = 0; this.#open > 0 && i < MAX_GROUPS; i++) {
      const group = this.#groups[(this.#oldest + i) % MAX_GROUPS] as Group
      if (group.count > 0) this.#emit(group)
    }
    this.#oldest = 0
  }

  #protocol(offset: number): number {
    const memory = this.#memory
    return byteAt(memory, offset) >>> 4 === 4 ? byteAt(memory, offset + 9) : byteAt(memory, offset + 6)
  }

  /** Where the transport header begins in a packet without IP options or fragments; 0 in others. */
  #transportOf(offset: number, total: number): number {
    const memory = this.#memory
    const first = byteAt(memory, offset)
    const isIpv4 = first === 0x45
    if (!isIpv4 && first >>> 4 !== 6) return 0
    if (isIpv4 && (uint16At(memory, offset + 6) & 0x3fff) !== 0) return 0
    const protocol = this.#protocol(offset)
    if (protocol !== PROTOCOL_TCP && protocol !== PROTOCOL_UDP) return 0
    const transport = isIpv4 ? IPV4_HEADER : IPV6_HEADER
    return total < transport + (protocol === PROTOCOL_TCP ? TCP_HEADER : UDP_HEADER) ? 0 : transport
  }

  /** Up to the payload; 0 where the header is malformed. */
  #tcpHeaders(offset: number, transport: number, total: number): number {
    const header = (byteAt(this.#memory, offset + transport + 12) >>> 4) * 4
    return header < TCP_HEADER || transport + header > total ? 0 : transport + header
  }

  /** A datagram with a checksum, as long as it says. */
  #isWholeDatagram(at: number, length: number): boolean {
    return uint16At(this.#memory, at + 4) === length && uint16At(this.#memory, at + UDP_CHECKSUM) !== 0
  }

  /** The group of the packet's flow. */
  #find(offset: number, total: number, owner: number): Group | undefined {
    const transport = this.#transportOf(offset, total)
    if (transport === 0) return undefined
    const isTcp = this.#protocol(offset) === PROTOCOL_TCP
    // Counted loops: an iterator would be an object for every packet.
    for (let i = 0; i < MAX_GROUPS; i++) {
      const group = this.#groups[i] as Group
      if (group.count === 0 || group.owner !== owner || group.transport !== transport || group.isTcp !== isTcp) continue
      if (this.#isSameFlow(group, offset)) return group
    }
    return undefined
  }

  /** Addresses and ports, which lie behind each other. */
  #isSameFlow(group: Group, offset: number): boolean {
    const first = group.offset(0) + VIRTIO_HEADER
    return this.#isAlike(first, offset, group.isIpv4 ? 12 : 8, group.transport + 4)
  }

  /** Bytes `from` to `to` of two packets; both multiples of 2. */
  #isAlike(first: number, second: number, from: number, to: number): boolean {
    const memory = this.#memory
    for (let at = to - 1; at >= from; at--) if (memory[first + at] !== memory[second + at]) return false
    return true
  }

  /** Whether the packet continues the group, by its headers. */
  #follows(group: Group, offset: number, total: number): boolean {
    const payload = total - group.headers
    if (payload <= 0 || payload > group.payload || group.total + payload > MAX_TOTAL || group.count === MAX_PARTS)
      return false
    const first = group.offset(0) + VIRTIO_HEADER
    if (!(group.isIpv4 ? this.#isIpv4Next(group, first, offset) : this.#isIpv6Next(first, offset))) return false
    const at = group.transport
    if (!group.isTcp) return this.#isWholeDatagram(offset + at, total - at)
    const memory = this.#memory
    if ((byteAt(memory, offset + at + 13) | TCP_PSH) !== (TCP_ACK | TCP_PSH)) return false
    if ((uint32At(memory, offset + at + 4) | 0) !== group.next) return false
    // Acknowledgement and length; window; urgent pointer and options.
    return (
      this.#isAlike(first, offset, at + 8, at + 13) &&
      this.#isAlike(first, offset, at + 14, at + 16) &&
      this.#isAlike(first, offset, at + 18, group.headers)
    )
  }

  /** Identifications count on, or stay where nobody may cut the packet: they mean nothing then. RFC 6864 §4.1. */
  #isIpv4Next(group: Group, first: number, offset: number): boolean {
    const memory = this.#memory
    if (!this.#isAlike(first, offset, 0, 2) || !this.#isAlike(first, offset, 6, 10)) return false
    const identification = uint16At(memory, offset + 4)
    if (identification === ((group.identification + group.count) & 0xffff)) return true
    return identification === group.identification && (byteAt(memory, offset + 6) & DONT_FRAGMENT) !== 0
  }

  #isIpv6Next(first: number, offset: number): boolean {
    return this.#isAlike(first, offset, 0, 4) && this.#isAlike(first, offset, 6, 8)
  }

  /** The packet's checksum and the group's first one's, which is not looked at before it matters. */
  #isVerified(group: Group, offset: number, total: number): boolean {
    group.isFirstVerified ||= this.#holds(group, group.offset(0) + VIRTIO_HEADER, group.headers + group.payload)
    return group.isFirstVerified && this.#holds(group, offset, total)
  }

  #holds(group: Group, offset: number, total: number): boolean {
    const length = total - group.transport
    return this.#summed.sum(offset + group.transport, length, this.#pseudo(group, offset, length)) === 0xffff
  }

  #pseudo(group: Group, offset: number, length: number): number {
    const addresses = group.isIpv4 ? this.#summed.sum(offset + 12, 8, 0) : this.#summed.sum(offset + 8, 32, 0)
    return addresses + (group.isTcp ? PROTOCOL_TCP : PROTOCOL_UDP) + length
  }

  #append(group: Group, offset: number, total: number): void {
    const payload = total - group.headers
    group.offsets[group.count] = offset + group.headers
    group.lengths[group.count] = payload
    group.count += 1
    group.total += payload
    group.next = (group.next + payload) | 0
    if (group.isTcp) group.flags |= byteAt(this.#memory, offset + group.transport + 13)
    if (payload < group.payload || (group.flags & TCP_PSH) !== 0) this.#emit(group)
  }

  /** A free group; the oldest is delivered where there is none. */
  #take(): Group {
    for (let i = 0; i < MAX_GROUPS; i++) {
      const group = this.#groups[i] as Group
      if (group.count > 0) continue
      this.#open += 1
      return group
    }
    const group = this.#groups[this.#oldest] as Group
    this.#oldest = (this.#oldest + 1) % MAX_GROUPS
    this.#emit(group)
    this.#open += 1
    return group
  }

  #emit(group: Group): void {
    if (group.count === 1) this.#outlet.deliver(group.offset(0) + VIRTIO_HEADER, group.length(0) - VIRTIO_HEADER)
    else {
      this.#writeHeaders(group)
      this.#outlet.deliverParts(group, group.count)
    }
    group.count = 0
    this.#open -= 1
  }

  /** The first packet's headers become those of all. */
  #writeHeaders(group: Group): void {
    const memory = this.#memory
    const first = group.offset(0) + VIRTIO_HEADER
    const length = group.total - group.transport
    const virtio = this.#virtio
    virtio.needsChecksum = true
    virtio.kind = group.isTcp ? (group.isIpv4 ? SEGMENTS_TCP4 : SEGMENTS_TCP6) : SEGMENTS_UDP
    virtio.headerLength = group.headers
    virtio.segmentSize = group.payload
    virtio.checksumStart = group.transport
    virtio.checksumOffset = group.isTcp ? TCP_CHECKSUM : UDP_CHECKSUM
    virtio.write(memory, group.offset(0))
    if (group.isIpv4) {
      putUint16(memory, first + 2, group.total)
      putUint16(memory, first + 10, 0)
      putUint16(memory, first + 10, ~this.#summed.sum(first, IPV4_HEADER, 0) & 0xffff)
    } else putUint16(memory, first + 4, length)
    const transport = first + group.transport
    if (group.isTcp) memory[transport + 13] = group.flags
    else putUint16(memory, transport + 4, length)
    putUint16(memory, transport + virtio.checksumOffset, this.#summed.sum(0, 0, this.#pseudo(group, first, length)))
  }
}
