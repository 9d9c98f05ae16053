import { constants } from 'node:os'
import koffi from 'koffi'

const symbols = koffi.load(null)

/**
 * A function of the C library or of the OpenSSL inside Node.js, by its C signature. Pointers are declared `uintptr_t` and
 * given as numbers (`addressOf`): koffi then calls without converting anything.
 */
export function bind(signature: string): (...values: readonly (number | string | bigint)[]) => number {
  return symbols.func(signature) as unknown as (...values: readonly (number | string | bigint)[]) => number
}

/** As `bind`, of a function that waits: it runs in another thread, and what it is given has to stay until it is over. */
export function bindInBackground(
  signature: string,
): (...values: readonly (number | string | bigint)[]) => Promise<number> {
  const call = symbols.func(signature)
  return (...values) =>
    new Promise((resolve, reject) => {
      call.async(...values, (error: Error | null, result: number) => (error === null ? resolve(result) : reject(error)))
    })
}

/** Where the view's first byte lies. Valid as long as the view's buffer is reachable: array buffers do not move. */
export function addressOf(view: ArrayBufferView): number {
  return Number(koffi.address(view))
}

/** Errno's name after a call that failed. After one that did not, it is stale. */
export function errnoCode(): string {
  return errnoName(koffi.errno())
}

/** `ENOENT` for 2. */
export function errnoName(number: number): string {
  return errnoNames.get(number) ?? `errno ${number}`
}

/** A system call was refused. */
export class SystemError extends Error {
  override readonly name = 'SystemError'
  /** As in errno: `EADDRINUSE`. */
  readonly code: string
  readonly syscall: string

  constructor(syscall: string, code: string) {
    super(`${syscall} failed: ${code}`)
    this.syscall = syscall
    this.code = code
  }
}

/** The result, or a `SystemError` where it is negative. */
export function checked(syscall: string, result: number): number {
  if (result < 0) throw new SystemError(syscall, errnoCode())
  return result
}

// Of two names for one number the first is the usual one: EAGAIN, not EWOULDBLOCK.
const errnoNames = new Map(
  Object.entries(constants.errno)
    .reverse()
    .map(([name, number]) => [number, name]),
)
