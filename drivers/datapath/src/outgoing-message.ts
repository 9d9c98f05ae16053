import type { Endpoint, IpAddress } from '@weft/base'
import { Arena, bind, errnoCode, setUint64 } from '@weft/native'
import { IOVEC_BYTES, MSGHDR } from './message-header.ts'
import { PKTINFO_SPACE, SOCKADDR_BYTES, writePacketInfo, writeSocketAddress } from './socket-address.ts'

const sendmsg = bind('intptr_t sendmsg(int fd, uintptr_t message, int flags)')

const ALIGNMENT_LOSS = 32
/** What Linux answers where the address to send from is not the machine's: in IPv4, and in IPv6. */
const NOT_OUR_ADDRESS = new Set(['ENETUNREACH', 'EINVAL'])

/** Everything that `sendmsg` wants to know to send on one direct path, written once; only what is sent differs. */
export class OutgoingMessage {
  /** Where the kernel reads the remote address, as long as this object is reachable. */
  readonly nameAddress: number
  readonly nameLength: number
  /** The control messages: with the local address, or none. */
  readonly control: Uint8Array
  readonly #message = new Arena(MSGHDR.bytes + IOVEC_BYTES + SOCKADDR_BYTES + PKTINFO_SPACE + ALIGNMENT_LOSS)
  readonly #header = this.#message.take(MSGHDR.bytes)
  readonly #vector = this.#message.take(IOVEC_BYTES)

  constructor(remote: Endpoint, local: IpAddress | undefined) {
    const message = this.#message
    const name = message.take(SOCKADDR_BYTES)
    const control = message.take(PKTINFO_SPACE)
    this.nameAddress = message.base + name
    this.nameLength = writeSocketAddress(message.bytes, name, remote)
    message.setPointer(this.#header + MSGHDR.name, name)
    message.view.setUint32(this.#header + MSGHDR.nameLength, this.nameLength, true)
    message.setPointer(this.#header + MSGHDR.iov, this.#vector)
    setUint64(message.view, this.#header + MSGHDR.iovCount, 1)
    message.setPointer(this.#header + MSGHDR.control, control)
    const controlLength = local === undefined ? 0 : writePacketInfo(message.bytes, control, local)
    this.control = message.bytes.subarray(control, control + controlLength)
    this.#setControlLength(controlLength)
  }

  /** False where it was not sent: no route, no room in the socket's buffer, forbidden by a firewall. */
  send(fd: number, address: number, length: number): boolean {
    const { view, base } = this.#message
    setUint64(view, this.#vector, address)
    setUint64(view, this.#vector + 8, length)
    if (sendmsg(fd, base + this.#header, 0) === length) return true
    return this.control.length > 0 && NOT_OUR_ADDRESS.has(errnoCode()) && this.#sendFromAnyAddress(fd, length)
  }

  /** The local address is no longer this machine's: better from another one than not at all. */
  #sendFromAnyAddress(fd: number, length: number): boolean {
    this.#setControlLength(0)
    const isSent = sendmsg(fd, this.#message.base + this.#header, 0) === length
    this.#setControlLength(this.control.length)
    return isSent
  }

  #setControlLength(length: number): void {
    setUint64(this.#message.view, this.#header + MSGHDR.controlLength, length)
  }
}
