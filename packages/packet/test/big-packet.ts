import {
  checksum,
  onesSum,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  pseudoHeaderSum,
  putUint16,
  putUint32,
  SEGMENTS_TCP4,
  SEGMENTS_TCP6,
  SEGMENTS_UDP,
  VirtioHeader,
} from '../src/index.ts'

/** A packet that a kernel hands on for a device to cut, with a checksum to be completed. */
export interface BigPacket {
  readonly version: 4 | 6
  readonly protocol: 'tcp' | 'udp'
  readonly segmentSize: number
  readonly data: Uint8Array
  /** Of TCP; a multiple of 4 bytes. */
  readonly options?: Uint8Array
  readonly flags?: number
  readonly sequence?: number
  readonly identification?: number
  readonly ttl?: number
  /** The last byte of the source address. */
  readonly host?: number
}

export const SOURCE4 = Uint8Array.of(10, 20, 0, 2)
export const DESTINATION4 = Uint8Array.of(10, 30, 0, 2)
export const SOURCE6 = Uint8Array.of(0xfd, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2)
export const DESTINATION6 = Uint8Array.of(0xfd, 0x30, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2)

export function virtioHeaderOf(big: BigPacket): VirtioHeader {
  const header = new VirtioHeader()
  const ip = big.version === 4 ? 20 : 40
  header.needsChecksum = true
  header.kind = big.protocol === 'udp' ? SEGMENTS_UDP : big.version === 4 ? SEGMENTS_TCP4 : SEGMENTS_TCP6
  header.segmentSize = big.segmentSize
  header.checksumStart = ip
  header.checksumOffset = big.protocol === 'udp' ? 6 : 16
  header.headerLength = ip + transportHeader(big).length
  return header
}

/** As the kernel gives it to a TUN: the checksum field holds the pseudo header's sum. */
export function bigPacket(big: BigPacket): Uint8Array {
  const packet = assemble(big, big.data, { sequence: big.sequence ?? 1, count: 0, flags: big.flags ?? 0x18 })
  const at = big.version === 4 ? 20 : 40
  const length = packet.length - at
  putUint16(packet, at + (big.protocol === 'udp' ? 6 : 16), pseudoHeaderSum(packet, 0, protocolOf(big), length))
  return packet
}

/** What is to be cut from it, made one by one and slowly. */
export function segmentsOf(big: BigPacket, size = big.segmentSize): Uint8Array[] {
  const segments: Uint8Array[] = []
  for (let at = 0; at < big.data.length; at += size) {
    const isLast = at + size >= big.data.length
    const first = at === 0 ? 0xff : 0x7f
    const flags = (big.flags ?? 0x18) & first & (isLast ? 0xff : ~0x09)
    const sequence = ((big.sequence ?? 1) + at) >>> 0
    const segment = assemble(big, big.data.subarray(at, at + size), { sequence, count: segments.length, flags })
    complete(big, segment)
    segments.push(segment)
  }
  return segments
}

const protocolOf = (big: BigPacket): number => (big.protocol === 'tcp' ? PROTOCOL_TCP : PROTOCOL_UDP)

function complete(big: BigPacket, segment: Uint8Array): void {
  const at = big.version === 4 ? 20 : 40
  const length = segment.length - at
  const pseudo = pseudoHeaderSum(segment, 0, protocolOf(big), length)
  const sum = checksum(segment, at, length, onesSum(segment, 0, 0, pseudo))
  putUint16(segment, at + (big.protocol === 'udp' ? 6 : 16), big.protocol === 'udp' && sum === 0 ? 0xffff : sum)
}

function transportHeader(big: BigPacket): Uint8Array {
  if (big.protocol === 'udp') return new Uint8Array(8)
  const options = big.options ?? new Uint8Array(0)
  const header = new Uint8Array(20 + options.length)
  header[12] = (header.length / 4) << 4
  header.set(options, 20)
  putUint16(header, 14, 501)
  putUint32(header, 8, 0x01020304)
  return header
}

function assemble(
  big: BigPacket,
  data: Uint8Array,
  place: { readonly sequence: number; readonly count: number; readonly flags: number },
): Uint8Array {
  const header = transportHeader(big)
  putUint16(header, 0, 4000)
  putUint16(header, 2, 5000)
  if (big.protocol === 'udp') putUint16(header, 4, 8 + data.length)
  else {
    putUint32(header, 4, place.sequence)
    header[13] = place.flags
  }
  const ip =
    big.version === 4
      ? header4(big, header.length + data.length, place.count)
      : header6(big, header.length + data.length)
  const packet = new Uint8Array(ip.length + header.length + data.length)
  packet.set(ip)
  packet.set(header, ip.length)
  packet.set(data, ip.length + header.length)
  return packet
}

function header4(big: BigPacket, length: number, count: number): Uint8Array {
  const header = new Uint8Array(20)
  header[0] = 0x45
  putUint16(header, 2, 20 + length)
  putUint16(header, 4, ((big.identification ?? 7) + count) & 0xffff)
  putUint16(header, 6, 0x4000)
  header[8] = big.ttl ?? 64
  header[9] = protocolOf(big)
  header.set(SOURCE4, 12)
  header[15] = big.host ?? 2
  header.set(DESTINATION4, 16)
  putUint16(header, 10, checksum(header, 0, 20))
  return header
}

function header6(big: BigPacket, length: number): Uint8Array {
  const header = new Uint8Array(40)
  header[0] = 0x60
  putUint16(header, 4, length)
  header[6] = protocolOf(big)
  header[7] = big.ttl ?? 64
  header.set(SOURCE6, 8)
  header[23] = big.host ?? 2
  header.set(DESTINATION6, 24)
  return header
}
