import { addressOf, bind, checked } from './library.ts'

// asm-generic/socket.h: the same on x86-64 and arm64.
const SOL_SOCKET = 1
const SO_PEERCRED = 17

const getSocketOption = bind('int getsockopt(int fd, int level, int name, uintptr_t value, uintptr_t length)')

export interface PeerCredentials {
  readonly pid: number
  readonly uid: number
  readonly gid: number
}

/** Who connected to a Unix socket, as the kernel saw it at `connect` (unix(7), SO_PEERCRED). */
export function peerCredentials(descriptor: number): PeerCredentials {
  const value = new Int32Array(3)
  const length = Uint32Array.of(value.byteLength)
  checked('getsockopt', getSocketOption(descriptor, SOL_SOCKET, SO_PEERCRED, addressOf(value), addressOf(length)))
  const [pid = 0, uid = 0, gid = 0] = value
  return { pid, uid: uid >>> 0, gid: gid >>> 0 }
}
