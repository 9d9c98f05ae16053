import { type Endpoint, endpointOf, endpointParts, type Family, familyOf, type IpAddress } from '@weft/base'
import { nativeCrypto } from '@weft/crypto'
import { type Datapath, PortableDatapath, type PortableInput, type PortableOutput, type SocketId } from '@weft/datapath'
import { systemClock } from '@weft/linux'
import type { InterfaceSettings } from '@weft/node'
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
import type { AgentDrivers } from '../src/agent.ts'
import type { AgentError } from '../src/agent-error.ts'
import type { OpenTunnel, TunnelDevice } from '../src/tunnel-device.ts'

/** Tunnel devices without a kernel, on one wire: the portable fast path, and machines that answer echo requests. */
export class MemoryWire {
  readonly #devices = new Set<MemoryTunnel>()

  /** What an agent on a machine with these addresses is given. */
  driversAt(address: string): AgentDrivers & { readonly opened: MemoryTunnel[]; refusal: AgentError | undefined } {
    const addresses = [address as IpAddress]
    const opened: MemoryTunnel[] = []
    const drivers = {
      opened,
      refusal: undefined as AgentError | undefined,
      clock: systemClock,
      watchNetwork: () => ({ [Symbol.dispose]: () => undefined }),
      localAddresses: () => addresses,
      openTunnel: (async ({ name, onReport }) => {
        if (drivers.refusal !== undefined) throw drivers.refusal
        const tunnel = new MemoryTunnel(this, name, addresses, onReport)
        this.#devices.add(tunnel)
        opened.push(tunnel)
        return tunnel
      }) as OpenTunnel,
    }
    return drivers
  }

  send(from: Endpoint, to: Endpoint, datagram: Uint8Array): void {
    for (const device of this.#devices) device.hear(from, to, datagram)
  }

  remove(device: MemoryTunnel): void {
    this.#devices.delete(device)
  }
}

export class MemoryTunnel implements TunnelDevice, Datapath {
  readonly name: string
  readonly datapath: Datapath = this
  settings: InterfaceSettings | undefined
  isClosed = false
  readonly #wire: MemoryWire
  readonly #addresses: readonly IpAddress[]
  readonly #onReport: Parameters<OpenTunnel>[0]['onReport']
  readonly #core = new PortableDatapath({ crypto: nativeCrypto })
  readonly #sockets = new Map<SocketId, { readonly family: Family; readonly port: number }>()

  constructor(
    wire: MemoryWire,
    name: string,
    addresses: readonly IpAddress[],
    onReport: Parameters<OpenTunnel>[0]['onReport'],
  ) {
    this.#wire = wire
    this.name = name
    this.#addresses = addresses
    this.#onReport = onReport
  }

  configure(settings: InterfaceSettings): readonly string[] {
    this.settings = settings
    return []
  }

  tell(command: Parameters<Datapath['tell']>[0]): void {
    this.#take(command)
  }

  meter(peer: Parameters<Datapath['meter']>[0]) {
    return this.#core.meter(peer)
  }

  drops() {
    return this.#core.drops()
  }

  beat(): void {
    this.#take({ kind: 'beat' })
  }

  async close(): Promise<void> {
    this.isClosed = true
    this.#wire.remove(this)
  }

  hear(from: Endpoint, to: Endpoint, datagram: Uint8Array): void {
    const { address, port } = endpointParts(to)
    if (!this.#addresses.includes(address)) return
    for (const [socket, each] of this.#sockets) {
      if (each.port === port && each.family === familyOf(address))
        this.#take({ kind: 'received', datagram, path: { kind: 'direct', socket, local: address, remote: from } })
    }
  }

  #take(input: PortableInput): void {
    this.#core.handle(input, systemClock())
    // As a thread of its own: never within what it was told.
    queueMicrotask(() => this.#settle())
  }

  #settle(): void {
    for (let output = this.#core.poll(); output !== undefined && !this.isClosed; output = this.#core.poll())
      this.#act(output)
  }

  #act(output: PortableOutput): void {
    switch (output.kind) {
      case 'report':
        this.#onReport(output.report)
        return
      case 'to-port':
        this.#answer(output.packet)
        return
      case 'send':
        this.#send(output)
        return
      case 'open-socket': {
        const { socket, family, port } = output
        this.#sockets.set(socket, { family, port })
        this.#take({ kind: 'socket-result', result: { kind: 'socket-opened', socket, family, port } })
        return
      }
      case 'close-socket':
        this.#sockets.delete(output.socket)
        return
      case 'set-mark':
        return
    }
  }

  #send({ path, datagram }: Extract<PortableOutput, { kind: 'send' }>): void {
    const socket = this.#sockets.get(path.socket)
    const from = this.#addresses.find((address) => familyOf(address) === socket?.family)
    if (socket !== undefined && from !== undefined)
      this.#wire.send(endpointOf(from, socket.port), path.remote, datagram.slice())
  }

  #answer(packet: Uint8Array): void {
    const view = new PacketView()
    if (!view.read(packet, 0, packet.length)) return
    const isIpv4 = view.version === 4
    if (view.icmpType !== (isIpv4 ? ICMP4_ECHO_REQUEST : ICMP6_ECHO_REQUEST)) return
    const message = packet.slice(view.transportOffset, view.transportOffset + view.transportLength)
    message[0] = isIpv4 ? ICMP4_ECHO_REPLY : ICMP6_ECHO_REPLY
    const addressAt = (at: number) => packet.slice(at, at + (isIpv4 ? 4 : 16))
    const reply = buildIcmpPacket(addressAt(destinationOffset(packet, 0)), addressAt(sourceOffset(packet, 0)), message)
    this.#take({ kind: 'port-packet', packet: reply })
  }
}
