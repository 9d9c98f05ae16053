import { type Endpoint, endpointOf, endpointParts, type Family, familyOf, type IpAddress, type Now } from '@weft/base'
import {
  type DatapathReport,
  PortableDatapath,
  type PortableInput,
  type PortableOutput,
  type SocketId,
} from '@weft/datapath'
import type { CryptoProvider } from '@weft/keys'
import {
  buildIcmpPacket,
  destinationOffset,
  ICMP4_ECHO_REPLY,
  ICMP4_ECHO_REQUEST,
  ICMP6_ECHO_REPLY,
  ICMP6_ECHO_REQUEST,
  PacketView,
  sourceOffset,
} from '@weft/packet'

/** What a machine in memory lends to its fast path. */
export interface WiredHost {
  readonly crypto: CryptoProvider
  now(): Now
  /** Those of the machine, as they are now. */
  addresses(): readonly IpAddress[]
  onReport(report: DatapathReport): void
  /** A datagram leaves the machine; the array is the host's. `whole`: nobody may send it on in fragments. */
  send(from: Endpoint, to: Endpoint, datagram: Uint8Array, whole: boolean): void
  /** A packet leaves the interface; its echo requests are answered all the same. */
  onPacket?(packet: Uint8Array): void
  /** The errno for which a socket cannot be had. */
  refusal?(family: Family, port: number): string | undefined
}

/** The portable fast path with sockets on a wire in memory, and behind its interface a kernel that answers echo requests. */
export class WiredDatapath {
  readonly core: PortableDatapath
  readonly #host: WiredHost
  readonly #sockets = new Map<SocketId, { readonly family: Family; readonly port: number }>()

  constructor(host: WiredHost) {
    this.#host = host
    this.core = new PortableDatapath({ crypto: host.crypto })
  }

  tell(input: PortableInput): void {
    this.core.handle(input, this.#host.now())
  }

  /** Does what the fast path asks for; whether there was anything. */
  settle(): boolean {
    let output = this.core.poll()
    if (output === undefined) return false
    for (; output !== undefined; output = this.core.poll()) this.#act(output)
    return true
  }

  /** Whether a socket is open there. */
  hears(to: Endpoint): boolean {
    return this.#socketAt(to) !== undefined
  }

  receive(from: Endpoint, to: Endpoint, datagram: Uint8Array): void {
    const socket = this.#socketAt(to)
    if (socket === undefined) return
    const { address } = endpointParts(to)
    this.tell({
      kind: 'received',
      datagram: datagram.slice(),
      path: { kind: 'direct', socket, local: address, remote: from },
    })
  }

  #socketAt(to: Endpoint): SocketId | undefined {
    const { address, port } = endpointParts(to)
    if (!this.#host.addresses().includes(address)) return undefined
    return [...this.#sockets].find(([, each]) => each.port === port && each.family === familyOf(address))?.[0]
  }

  #act(output: PortableOutput): void {
    switch (output.kind) {
      case 'report':
        this.#host.onReport(output.report)
        return
      case 'to-port':
        this.#deliver(output.packet)
        return
      case 'send':
        this.#send(output)
        return
      case 'open-socket':
        this.#open(output.socket, output.family, output.port)
        return
      case 'close-socket':
        this.#sockets.delete(output.socket)
        return
      case 'set-mark':
        return
    }
  }

  #deliver(packet: Uint8Array): void {
    this.#host.onPacket?.(packet)
    const reply = echoReplyTo(packet)
    if (reply !== undefined) this.tell({ kind: 'port-packet', packet: reply })
  }

  #send({ path, datagram, whole }: Extract<PortableOutput, { kind: 'send' }>): void {
    const socket = this.#sockets.get(path.socket)
    const from = this.#host
      .addresses()
      .find((own) => familyOf(own) === socket?.family && (path.local === undefined || path.local === own))
    if (socket === undefined || from === undefined) return
    this.#host.send(endpointOf(from, socket.port), path.remote, datagram.slice(), whole)
  }

  #open(socket: SocketId, family: Family, port: number): void {
    const code = this.#host.refusal?.(family, port)
    if (code === undefined) this.#sockets.set(socket, { family, port })
    const result =
      code === undefined
        ? ({ kind: 'socket-opened', socket, family, port } as const)
        : ({ kind: 'socket-failed', socket, code } as const)
    this.tell({ kind: 'socket-result', result })
  }
}

function echoReplyTo(packet: Uint8Array): Uint8Array | undefined {
  const view = new PacketView()
  if (!view.read(packet, 0, packet.length)) return undefined
  const [request, reply] =
    view.version === 4 ? [ICMP4_ECHO_REQUEST, ICMP4_ECHO_REPLY] : [ICMP6_ECHO_REQUEST, ICMP6_ECHO_REPLY]
  if (view.icmpType !== request) return undefined
  const message = packet.slice(view.transportOffset, view.transportOffset + view.transportLength)
  message[0] = reply
  message.fill(0, 2, 4)
  const length = view.version === 4 ? 4 : 16
  const source = packet.slice(sourceOffset(packet, 0), sourceOffset(packet, 0) + length)
  const destination = packet.slice(destinationOffset(packet, 0), destinationOffset(packet, 0) + length)
  return buildIcmpPacket(destination, source, message)
}
