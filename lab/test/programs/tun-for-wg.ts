/** `tun-for-wg NAME WEFT …`: makes the TUN NAME and runs the command with its descriptor as WG_TUN_FD; ends as that ends. */
import { spawn } from 'node:child_process'
import { addressOf, bind, checked } from '@weft/native'

const open = bind('int open(str path, int flags)')
const ioctl = bind('int ioctl(int fd, ulong request, uintptr_t argument)')
const O_RDWR = 2
const TUNSETIFF = 0x400454ca
const IFF_TUN_NO_PI = 0x1001
const NAME_BYTES = 16

const [name = '', command = '', ...args] = process.argv.slice(2)
const request = new Uint8Array(40)
new TextEncoder().encodeInto(name, request)
new DataView(request.buffer).setUint16(NAME_BYTES, IFF_TUN_NO_PI, true)
const fd = checked('open', open('/dev/net/tun', O_RDWR))
checked('TUNSETIFF', ioctl(fd, TUNSETIFF, addressOf(request)))
const child = spawn(command, args, {
  stdio: ['ignore', 'inherit', 'inherit', 'ignore', 'ignore', fd],
  env: { ...process.env, WG_TUN_FD: '5' },
})
child.once('exit', (code) => process.exit(code ?? 1))
