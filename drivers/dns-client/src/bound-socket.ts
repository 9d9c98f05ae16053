import type { Family } from '@weft/base'
import { addressOf, bind, checked, closeDescriptor } from '@weft/native'

const openSocket = bind('int socket(int family, int type, int protocol)')
const setOption = bind('int setsockopt(int fd, int level, int name, uintptr_t value, uint length)')

// asm-generic/socket.h and bits/socket.h: the same on x86-64 and arm64.
const AF_INET = 2
const AF_INET6 = 10
const SOCK_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000
const KIND = { tcp: 1, udp: 2 } as const
const SOL_SOCKET = 1
const SO_BINDTODEVICE = 25

/**
 * A socket that is bound to nothing but an interface: what it sends leaves there. Whoever gets the descriptor owns it.
 * @throws {SystemError} where there is no such interface.
 */
export function openBoundSocket(transport: 'udp' | 'tcp', family: Family, interfaceName: string): number {
  const kind = KIND[transport] | SOCK_NONBLOCK_CLOEXEC
  const descriptor = checked('socket', openSocket(family === 4 ? AF_INET : AF_INET6, kind, 0))
  try {
    const name = new TextEncoder().encode(`${interfaceName}\0`)
    checked('setsockopt', setOption(descriptor, SOL_SOCKET, SO_BINDTODEVICE, addressOf(name), name.length))
    return descriptor
  } catch (error) {
    closeDescriptor(descriptor)
    throw error
  }
}
