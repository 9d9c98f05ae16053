import { addressOf, bind } from '@weft/native'

const AF_UNIX = 1
const SOCK_DGRAM = 2
const SOCK_CLOEXEC = 0o2000000
/** sockaddr_un: the family, then at most 108 bytes of path. */
const MAX_PATH = 107

const openSocket = bind('int socket(int family, int type, int protocol)')
const closeSocket = bind('int close(int fd)')
const sendTo = bind(
  'int64_t sendto(int fd, uintptr_t data, uint64_t length, int flags, uintptr_t address, uint32_t size)',
)

/** The service manager that started this program, as sd_notify(3) has it; without one everything here does nothing. */
export class ServiceManager {
  readonly #address: Uint8Array | undefined
  #watchdog: NodeJS.Timeout | undefined

  /** Takes what the environment says of it, so that no child believes it is meant. */
  constructor(env: NodeJS.ProcessEnv = process.env) {
    const { NOTIFY_SOCKET: path, WATCHDOG_USEC: period, WATCHDOG_PID: pid } = env
    delete env.NOTIFY_SOCKET
    delete env.WATCHDOG_USEC
    delete env.WATCHDOG_PID
    this.#address = path === undefined ? undefined : socketAddress(path)
    const isForUs = pid === undefined || pid === String(process.pid)
    const every = Number(period) / 1000 / 3
    if (this.#address !== undefined && isForUs && every > 0)
      this.#watchdog = setInterval(() => this.#send('WATCHDOG=1'), every).unref()
  }

  /** What the program is for can be used now. */
  ready(): void {
    this.#send('READY=1')
  }

  stopping(): void {
    clearInterval(this.#watchdog)
    this.#watchdog = undefined
    this.#send('STOPPING=1')
  }

  /** What does not arrive is the manager's to notice. */
  #send(state: string): void {
    if (this.#address === undefined) return
    const socket = openSocket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)
    if (socket < 0) return
    const data = new TextEncoder().encode(state)
    sendTo(socket, addressOf(data), data.length, 0, addressOf(this.#address), this.#address.length)
    closeSocket(socket)
  }
}

/** `@` at the front stands for the abstract namespace's zero. */
function socketAddress(path: string): Uint8Array | undefined {
  const bytes = new TextEncoder().encode(path)
  if (!/^[/@]/.test(path) || bytes.length > MAX_PATH) return undefined
  const isAbstract = path.startsWith('@')
  const address = new Uint8Array(2 + bytes.length + (isAbstract ? 0 : 1))
  new DataView(address.buffer).setUint16(0, AF_UNIX, true)
  address.set(bytes, 2)
  if (isAbstract) address[2] = 0
  return address
}
