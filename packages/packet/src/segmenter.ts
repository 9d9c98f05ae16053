import { IPV4_HEADER, IPV6_HEADER, ipv4HeaderLength, PROTOCOL_TCP, PROTOCOL_UDP } from './ip-header.ts'
import { byteAt, putUint16, putUint32, uint16At, uint32At } from './memory.ts'
import { SummedMemory } from './summed-memory.ts'
import { SEGMENTS_NONE, SEGMENTS_TCP4, SEGMENTS_TCP6, SEGMENTS_UDP, VirtioHeader } from './virtio-header.ts'

const TCP_HEADER = 20
const TCP_CHECKSUM = 16
const TCP_FIN = 0x01
const TCP_PSH = 0x08
const TCP_CWR = 0x80
/** What a segment in the middle of a connection may have: ACK, ECE, CWR, and what goes to the last one. */
const TCP_DATA_FLAGS = TCP_FIN | TCP_PSH | TCP_CWR | 0x10 | 0x40
const IPV4_FRAGMENT = 0x3fff
const UDP_HEADER = 8
const UDP_CHECKSUM = 6

/**
 * Does in software what a packet with a virtio header asks a network card for: completes its checksum, and cuts a packet
 * that stands for many into the segments that the kernel would have made of it (`tcp_gso_segment`, `__udp_gso_segment`).
 */
export class Segmenter {
  readonly #memory: Uint8Array
  readonly #summed: SummedMemory
  #offset = 0
  #length = 0
  /** From the IP header to the transport header, and to the payload. */
  #transport = 0
  #headers = 0
  #isIpv4 = false
  #isTcp = false
  #payload = 0
  /** What has been cut off so far, headers included, and in how many segments. */
  #position = 0
  #count = 0
  /** The pseudo header's sum but for the length. */
  #pseudo = 0
  readonly #ofData = new VirtioHeader()

  constructor(memory: Uint8Array, summed = new SummedMemory(memory)) {
    this.#memory = memory
    this.#summed = summed
  }

  /** Writes the checksum of a packet of one segment, where its header wants that. False: malformed. */
  completeChecksum(offset: number, length: number, header: VirtioHeader): boolean {
    if (!header.needsChecksum) return true
    const { checksumStart, checksumOffset } = header
    if (checksumStart + checksumOffset + 2 > length) return false
    const sum = ~this.#summed.sum(offset + checksumStart, length - checksumStart, 0) & 0xffff
    putUint16(this.#memory, offset + checksumStart + checksumOffset, sum === 0 ? 0xffff : sum)
    return true
  }

  /**
   * Begins to cut the packet at `offset`, which stays as it is until the last segment was taken. Segments of TCP have at
   * most `maxLength` bytes; datagrams stay as long as their sender made them. False: malformed, or no payload fits.
   */
  begin(offset: number, length: number, header: VirtioHeader, maxLength: number): boolean {
    const memory = this.#memory
    this.#offset = offset
    this.#length = length
    this.#transport = header.checksumStart
    this.#isIpv4 = byteAt(memory, offset) >>> 4 === 4
    if (!this.#readHeaders(header)) return false
    const fitting = this.#isTcp ? Math.min(header.segmentSize, maxLength - this.#headers) : header.segmentSize
    if (fitting <= 0 || this.#headers >= length) return false
    this.#payload = fitting
    this.#position = this.#headers
    this.#count = 0
    const addresses = this.#isIpv4 ? this.#summed.sum(offset + 12, 8, 0) : this.#summed.sum(offset + 8, 32, 0)
    this.#pseudo = addresses + (this.#isTcp ? PROTOCOL_TCP : PROTOCOL_UDP)
    return true
  }

  /**
   * As `begin`, for a packet of one segment whose checksum is complete, where it is TCP data, which may be cut anywhere. False:
   * it is to stay whole.
   */
  beginTcpData(offset: number, length: number, maxLength: number): boolean {
    const memory = this.#memory
    const isIpv4 = byteAt(memory, offset) >>> 4 === 4
    if (isIpv4 && (uint16At(memory, offset + 6) & IPV4_FRAGMENT) !== 0) return false
    if (byteAt(memory, offset + (isIpv4 ? 9 : 6)) !== PROTOCOL_TCP) return false
    const transport = isIpv4 ? ipv4HeaderLength(memory, offset) : IPV6_HEADER
    if (transport + TCP_HEADER > length) return false
    if ((byteAt(memory, offset + transport + 13) & ~TCP_DATA_FLAGS) !== 0) return false
    const header = this.#ofData
    header.needsChecksum = true
    header.kind = isIpv4 ? SEGMENTS_TCP4 : SEGMENTS_TCP6
    header.segmentSize = length
    header.checksumStart = transport
    header.checksumOffset = TCP_CHECKSUM
    return this.begin(offset, length, header, maxLength)
  }

  /** Whether every segment is a datagram of its own that may not be cut, and the longest one's length. */
  get longest(): number {
    return this.#headers + Math.min(this.#payload, this.#length - this.#headers)
  }

  /** The next segment's length; 0 where none is left. */
  get nextLength(): number {
    const left = this.#length - this.#position
    return left <= 0 ? 0 : this.#headers + Math.min(this.#payload, left)
  }

  /** Writes the next segment, of `nextLength` bytes, to `output`, which lies outside of the packet. */
  next(output: number): void {
    const memory = this.#memory
    const { nextLength } = this
    const payload = nextLength - this.#headers
    const from = this.#offset + this.#position
    memory.copyWithin(output, this.#offset, this.#offset + this.#headers)
    memory.copyWithin(output + this.#headers, from, from + payload)
    this.#writeIp(output, nextLength)
    if (this.#isTcp) this.#writeTcp(output + this.#transport, this.#position + payload >= this.#length)
    const transportLength = nextLength - this.#transport
    this.#writeChecksum(output + this.#transport, transportLength)
    this.#position += payload
    this.#count += 1
  }

  #readHeaders(header: VirtioHeader): boolean {
    const { kind, needsChecksum, checksumOffset } = header
    const memory = this.#memory
    const at = this.#offset + this.#transport
    const least = this.#isIpv4 ? IPV4_HEADER : IPV6_HEADER
    if (!needsChecksum || kind === SEGMENTS_NONE || this.#transport < least) return false
    this.#isTcp = kind !== SEGMENTS_UDP
    if (this.#isTcp) {
      if (kind !== (this.#isIpv4 ? SEGMENTS_TCP4 : SEGMENTS_TCP6)) return false
      if (checksumOffset !== TCP_CHECKSUM || this.#transport + TCP_HEADER > this.#length) return false
      const tcpHeader = (byteAt(memory, at + 12) >>> 4) * 4
      this.#headers = this.#transport + tcpHeader
      return tcpHeader >= TCP_HEADER
    }
    this.#headers = this.#transport + UDP_HEADER
    return checksumOffset === UDP_CHECKSUM
  }

  #writeIp(output: number, length: number): void {
    const memory = this.#memory
    if (!this.#isIpv4) {
      putUint16(memory, output + 4, length - IPV6_HEADER)
      return
    }
    putUint16(memory, output + 2, length)
    putUint16(memory, output + 4, (uint16At(memory, this.#offset + 4) + this.#count) & 0xffff)
    putUint16(memory, output + 10, 0)
    putUint16(memory, output + 10, ~this.#summed.sum(output, (byteAt(memory, output) & 15) * 4, 0) & 0xffff)
  }

  #writeTcp(at: number, isLast: boolean): void {
    const memory = this.#memory
    const sequence = uint32At(memory, at + 4) + this.#position - this.#headers
    putUint32(memory, at + 4, sequence | 0)
    let flags = byteAt(memory, at + 13)
    if (this.#count > 0) flags &= ~TCP_CWR
    if (!isLast) flags &= ~(TCP_FIN | TCP_PSH)
    memory[at + 13] = flags
  }

  #writeChecksum(at: number, length: number): void {
    const memory = this.#memory
    const field = at + (this.#isTcp ? TCP_CHECKSUM : UDP_CHECKSUM)
    if (!this.#isTcp) putUint16(memory, at + 4, length)
    putUint16(memory, field, 0)
    const sum = ~this.#summed.sum(at, length, this.#pseudo + length) & 0xffff
    putUint16(memory, field, sum === 0 && !this.#isTcp ? 0xffff : sum)
  }
}
