import koffi from 'koffi'
import { bind } from './library.ts'

const mmap = bind('uintptr_t mmap(uintptr_t address, size_t length, int protection, int flags, int fd, int64_t offset)')
const munmap = bind('int munmap(uintptr_t address, size_t length)')

const PROT_READ_WRITE = 1 | 2
const MAP_PRIVATE_ANONYMOUS = 0x02 | 0x20
/** Of x86-64; elsewhere the hint alone must do. */
const MAP_32BIT = process.arch === 'x64' ? 0x40 : 0
const HINT = 0x2000_0000
/** V8 keeps integers below 2^31 in the pointer itself; greater numbers are objects, one for each address that a call is given. */
const LOW_END = 2 ** 31

/** Zeroed memory below `LOW_END`; absent where the system has it not. */
export function mapLow(size: number): Uint8Array<ArrayBuffer> | undefined {
  const address = Number(mmap(HINT, size, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS | MAP_32BIT, -1, 0))
  if (address > 0 && address + size < LOW_END) return new Uint8Array(koffi.view(address, size))
  if (address > 0 && address < Number.MAX_SAFE_INTEGER) unmap(address, size)
  return undefined
}

export function unmap(address: number, size: number): void {
  munmap(address, size)
}
