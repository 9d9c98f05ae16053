/**
 * `tun-for-wg NAME KIND WEFT …`: makes the TUN NAME and runs the command with its descriptor as WG_TUN_FD; ends as that ends.
 * KIND: `plain`, or `virtio`: with a header before each packet, and with a socket that listens already as WG_UAPI_FD.
 */
import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { addressOf, bind, checked } from '@weft/native'

const open = bind('int open(str path, int flags)')
const ioctl = bind('int ioctl(int fd, ulong request, uintptr_t argument)')
const socket = bind('int socket(int family, int type, int protocol)')
const bindSocket = bind('int bind(int fd, uintptr_t address, uint length)')
const listen = bind('int listen(int fd, int backlog)')
const O_RDWR = 2
const TUNSETIFF = 0x400454ca
const IFF_TUN_NO_PI = 0x1001
const IFF_VNET_HDR = 0x4000
const NAME_BYTES = 16
const AF_UNIX = 1
const SOCK_STREAM = 1
const SOCKADDR_UN_BYTES = 110

const [name = '', kind = '', command = '', ...args] = process.argv.slice(2)
const isVirtio = kind === 'virtio'
const tunFd = makeTun()
const uapiFd = isVirtio ? makeSocket() : 'ignore'
const child = spawn(command, args, {
  stdio: ['ignore', 'inherit', 'inherit', 'ignore', 'ignore', tunFd, uapiFd],
  env: { ...process.env, WG_TUN_FD: '5', ...(isVirtio ? { WG_UAPI_FD: '6' } : {}) },
})
child.once('exit', (code) => process.exit(code ?? 1))

function makeTun(): number {
  const request = new Uint8Array(40)
  new TextEncoder().encodeInto(name, request)
  new DataView(request.buffer).setUint16(NAME_BYTES, IFF_TUN_NO_PI | (isVirtio ? IFF_VNET_HDR : 0), true)
  const fd = checked('open', open('/dev/net/tun', O_RDWR))
  checked('TUNSETIFF', ioctl(fd, TUNSETIFF, addressOf(request)))
  return fd
}

function makeSocket(): number {
  mkdirSync('/var/run/wireguard', { recursive: true, mode: 0o700 })
  const address = new Uint8Array(SOCKADDR_UN_BYTES)
  address[0] = AF_UNIX
  new TextEncoder().encodeInto(`/var/run/wireguard/${name}.sock`, address.subarray(2))
  const fd = checked('socket', socket(AF_UNIX, SOCK_STREAM, 0))
  checked('bind', bindSocket(fd, addressOf(address), address.length))
  checked('listen', listen(fd, 8))
  return fd
}
