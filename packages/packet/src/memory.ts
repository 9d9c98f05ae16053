export const byteAt = (memory: Uint8Array, at: number): number => memory[at] ?? 0

/** Big-endian, as all of IP is. */
export const uint16At = (memory: Uint8Array, at: number): number => (byteAt(memory, at) << 8) | byteAt(memory, at + 1)

export const uint32At = (memory: Uint8Array, at: number): number =>
  ((uint16At(memory, at) << 16) | uint16At(memory, at + 2)) >>> 0

export function putUint16(memory: Uint8Array, at: number, value: number): void {
  memory[at] = value >>> 8
  memory[at + 1] = value
}

export function putUint32(memory: Uint8Array, at: number, value: number): void {
  putUint16(memory, at, value >>> 16)
  putUint16(memory, at + 2, value & 0xffff)
}
