import { bind, errnoCode, SystemError } from './library.ts'

const LOCK_EXCLUSIVE = 2
const LOCK_NOT_BLOCKING = 4

const flock = bind('int flock(int fd, int operation)')

/**
 * Takes the exclusive lock of an open file or directory; `false` where another open file description holds it. It ends
 * when the descriptor is closed, at the latest with the process.
 */
export function tryLock(descriptor: number): boolean {
  if (flock(descriptor, LOCK_EXCLUSIVE | LOCK_NOT_BLOCKING) === 0) return true
  const code = errnoCode()
  if (code === 'EAGAIN' || code === 'EWOULDBLOCK') return false
  throw new SystemError('flock', code)
}
