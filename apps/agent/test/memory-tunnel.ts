import type { Endpoint, IpAddress } from '@weft/base'
import { nativeCrypto } from '@weft/crypto'
import type { Datapath, PortableInput } from '@weft/datapath'
import { systemClock } from '@weft/linux'
import type { InterfaceSettings } from '@weft/node'
import { WiredDatapath } from '@weft/testing'
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
      localAddresses: () => addresses.map((address) => ({ name: 'eth0', address })),
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
  readonly #wired: WiredDatapath

  constructor(
    wire: MemoryWire,
    name: string,
    addresses: readonly IpAddress[],
    onReport: Parameters<OpenTunnel>[0]['onReport'],
  ) {
    this.#wire = wire
    this.name = name
    this.#wired = new WiredDatapath({
      crypto: nativeCrypto,
      now: systemClock,
      addresses: () => addresses,
      onReport,
      send: (from, to, datagram) => wire.send(from, to, datagram),
    })
  }

  configure(settings: InterfaceSettings): readonly string[] {
    this.settings = settings
    return []
  }

  tell(command: Parameters<Datapath['tell']>[0]): void {
    this.#take(command)
  }

  meter(peer: Parameters<Datapath['meter']>[0]) {
    return this.#wired.core.meter(peer)
  }

  drops() {
    return this.#wired.core.drops()
  }

  beat(): void {
    this.#take({ kind: 'beat' })
  }

  async close(): Promise<void> {
    this.isClosed = true
    this.#wire.remove(this)
  }

  hear(from: Endpoint, to: Endpoint, datagram: Uint8Array): void {
    this.#wired.receive(from, to, datagram)
    this.#settleSoon()
  }

  #take(input: PortableInput): void {
    this.#wired.tell(input)
    this.#settleSoon()
  }

  /** As a thread of its own: never within what it was told. */
  #settleSoon(): void {
    queueMicrotask(() => {
      if (!this.isClosed) this.#wired.settle()
    })
  }
}
