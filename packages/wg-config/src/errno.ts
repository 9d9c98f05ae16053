/** Errors as the configuration protocol tells them: Linux's numbers, which `wg` has the system's words for. */
export const ERRNO = {
  EPERM: 1,
  EIO: 5,
  EACCES: 13,
  EINVAL: 22,
  ENOSPC: 28,
  EPROTO: 71,
  EADDRINUSE: 98,
} as const

export type Errno = keyof typeof ERRNO

/** What the system said, as far as `wg` users know it. */
export function errnoOf(code: string): Errno {
  return code in ERRNO ? (code as Errno) : 'EIO'
}
