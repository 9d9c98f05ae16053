import { textOf, viewOf } from '@weft/base'
import { addressOf, bind, checked, closeDescriptor, errnoName, SystemError } from '@weft/native'
import { decodeAttributes, decodeMessages, encodeMessage, type NetlinkMessage } from './netlink-message.ts'

const AF_NETLINK = 16
const SOCK_RAW_CLOEXEC = 3 | 0o2000000
const NETLINK_ROUTE = 0

const SOL_SOCKET = 1
const SO_RCVTIMEO = 20
const SOL_NETLINK = 270
const NETLINK_CAP_ACK = 10
const NETLINK_EXT_ACK = 11
const NETLINK_GET_STRICT_CHK = 12

const NLMSG_ERROR = 2
const NLMSG_DONE = 3
const NLM_F_REQUEST = 0x1
const NLM_F_ACK = 0x4
const NLM_F_DUMP = 0x300
const NLM_F_DUMP_INTR = 0x10
const NLMSGERR_ATTR_MSG = 1

/** The kernel answers at once; it never takes this long. */
const ANSWER_TIMEOUT_SECONDS = 5
const RECEIVE_BYTES = 64 * 1024
/** Asked anew so often when what is listed changes meanwhile. */
const MAX_DUMPS = 10

const openSocket = bind('int socket(int domain, int type, int protocol)')
const setOption = bind('int setsockopt(int fd, int level, int name, uintptr_t value, uint32_t length)')
const send = bind('intptr_t send(int fd, uintptr_t buffer, size_t length, int flags)')
const receive = bind('intptr_t recv(int fd, uintptr_t buffer, size_t length, int flags)')

/** One conversation with the kernel's routing, synchronous: rtnetlink answers while it is asked. */
export class NetlinkSocket implements Disposable {
  readonly #descriptor: number
  readonly #buffer = new Uint8Array(RECEIVE_BYTES)
  #sequence = 0

  constructor() {
    this.#descriptor = checked('socket', openSocket(AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_ROUTE))
    this.#set(SOL_SOCKET, SO_RCVTIMEO, BigInt64Array.of(BigInt(ANSWER_TIMEOUT_SECONDS), 0n))
    // Better error texts and filtered lists, where the kernel knows them (since 4.20).
    for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK])
      this.#set(SOL_NETLINK, option, Uint32Array.of(1))
  }

  /** @throws {SystemError} where the kernel refuses. */
  change(type: number, flags: number, body: Uint8Array): void {
    this.#send({ type, flags: flags | NLM_F_REQUEST | NLM_F_ACK, body })
    for (;;) {
      for (const message of this.#receive()) {
        if (message.type !== NLMSG_ERROR) continue
        throwRefusal(message.body)
        return
      }
    }
  }

  /** All there is of one kind, as one consistent list. */
  list(type: number, body: Uint8Array): readonly Uint8Array[] {
    for (let dump = 0; dump < MAX_DUMPS; dump++) {
      const found = this.#listOnce(type, body)
      if (found !== undefined) return found
    }
    throw new SystemError('netlink', 'EINTR')
  }

  [Symbol.dispose](): void {
    closeDescriptor(this.#descriptor)
  }

  #listOnce(type: number, body: Uint8Array): readonly Uint8Array[] | undefined {
    const found: Uint8Array[] = []
    let interrupted = false
    this.#send({ type, flags: NLM_F_REQUEST | NLM_F_DUMP, body })
    for (;;) {
      for (const message of this.#receive()) {
        if (message.type === NLMSG_ERROR) throwRefusal(message.body)
        interrupted ||= (message.flags & NLM_F_DUMP_INTR) !== 0
        if (message.type === NLMSG_DONE && message.body.length >= 4) throwRefusal(message.body)
        if (message.type === NLMSG_DONE) return interrupted ? undefined : found
        found.push(message.body.slice())
      }
    }
  }

  #send(message: NetlinkMessage): void {
    const bytes = encodeMessage(message, ++this.#sequence)
    checked('netlink send', send(this.#descriptor, addressOf(bytes), bytes.length, 0))
  }

  #receive(): readonly NetlinkMessage[] {
    const length = receive(this.#descriptor, addressOf(this.#buffer), this.#buffer.length, 0)
    return decodeMessages(this.#buffer.subarray(0, checked('netlink receive', length)))
  }

  #set(level: number, name: number, value: ArrayBufferView): void {
    setOption(this.#descriptor, level, name, addressOf(value), value.byteLength)
  }
}

/** nlmsgerr: a negative errno or 0, the refused header, attributes. What ends a list begins alike. */
function throwRefusal(body: Uint8Array): void {
  const error = viewOf(body).getInt32(0, true)
  if (error === 0) return
  const text = decodeAttributes(body.subarray(20)).get(NLMSGERR_ATTR_MSG)
  const detail = text === undefined ? undefined : textOf(text.subarray(0, -1))
  throw new SystemError(detail === undefined ? 'netlink' : `netlink (${detail})`, errnoName(-error))
}
