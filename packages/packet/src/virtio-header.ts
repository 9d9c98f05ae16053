import { byteAt } from './memory.ts'

/**
 * What a TUN opened with IFF_VNET_HDR has before each packet (virtio 1.2 §5.1.6, legacy form, little-endian):
 *
 *     0 flags u8 · 1 kind u8 · 2 length of all headers u16 · 4 segment's payload u16 · 6 where the checksum begins u16 · 8 where it lies from there u16
 *
 * Offsets count from the IP header.
 */
export const VIRTIO_HEADER = 10

export const SEGMENTS_NONE = 0
export const SEGMENTS_TCP4 = 1
export const SEGMENTS_TCP6 = 4
export const SEGMENTS_UDP = 5

const NEEDS_CHECKSUM = 1
/** Explicit congestion notification, which concerns only the first segment. */
const KIND_ECN = 0x80

/** One header; an instance is filled again and again. */
export class VirtioHeader {
  /** The checksum's field holds the pseudo header's sum; what lies behind it is to be added. */
  needsChecksum = false
  /** One of `SEGMENTS_…`, or a number that stands for nothing known here. */
  kind = 0
  headerLength = 0
  segmentSize = 0
  checksumStart = 0
  checksumOffset = 0

  read(memory: Uint8Array, offset: number): void {
    this.needsChecksum = (byteAt(memory, offset) & NEEDS_CHECKSUM) !== 0
    this.kind = byteAt(memory, offset + 1) & ~KIND_ECN
    this.headerLength = littleUint16At(memory, offset + 2)
    this.segmentSize = littleUint16At(memory, offset + 4)
    this.checksumStart = littleUint16At(memory, offset + 6)
    this.checksumOffset = littleUint16At(memory, offset + 8)
  }

  write(memory: Uint8Array, offset: number): void {
    memory[offset] = this.needsChecksum ? NEEDS_CHECKSUM : 0
    memory[offset + 1] = this.kind
    putLittleUint16(memory, offset + 2, this.headerLength)
    putLittleUint16(memory, offset + 4, this.segmentSize)
    putLittleUint16(memory, offset + 6, this.checksumStart)
    putLittleUint16(memory, offset + 8, this.checksumOffset)
  }
}

const littleUint16At = (memory: Uint8Array, at: number): number => byteAt(memory, at) | (byteAt(memory, at + 1) << 8)

function putLittleUint16(memory: Uint8Array, at: number, value: number): void {
  memory[at] = value
  memory[at + 1] = value >>> 8
}
