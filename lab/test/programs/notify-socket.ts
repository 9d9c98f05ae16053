/** A service manager's socket: prints what it is told. Arguments: path. */
import { setTimeout as pause } from 'node:timers/promises'
import { addressOf, bind, checked } from '@weft/native'

const AF_UNIX = 1
const SOCK_DGRAM = 2
const MSG_DONTWAIT = 0x40

const openSocket = bind('int socket(int family, int type, int protocol)')
const bindSocket = bind('int bind(int fd, uintptr_t address, uint32_t size)')
const receive = bind('int64_t recv(int fd, uintptr_t data, uint64_t size, int flags)')

const [path = ''] = process.argv.slice(2)
const text = new TextEncoder().encode(path)
const address = new Uint8Array(2 + text.length + 1)
new DataView(address.buffer).setUint16(0, AF_UNIX, true)
address.set(text, 2)
const socket = checked('socket', openSocket(AF_UNIX, SOCK_DGRAM, 0))
checked('bind', bindSocket(socket, addressOf(address), address.length))
console.log('listening')

const data = new Uint8Array(4096)
for (;;) {
  const length = receive(socket, addressOf(data), data.length, MSG_DONTWAIT)
  if (length > 0) console.log(new TextDecoder().decode(data.subarray(0, length)))
  else await pause(20)
}
