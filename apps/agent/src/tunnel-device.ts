import type { Prefix } from '@weft/base'
import type { Datapath, DatapathReport } from '@weft/datapath'
import { LaneDatapath, LaneError } from '@weft/lane'
import { InterfaceError, NetworkInterface } from '@weft/linux'
import type { InterfaceSettings } from '@weft/node'
import { AgentError } from './agent-error.ts'

/** The fast path together with the interface that its packets come from. */
export interface TunnelDevice {
  readonly name: string
  readonly datapath: Datapath
  /** Replaces what the interface has; answers the addresses that the machine has no IPv6 for. Throws an `AgentError`. */
  configure(settings: InterfaceSettings): readonly string[]
  /** The interface goes away with it. */
  close(): Promise<void>
}

export type OpenTunnel = (options: {
  readonly name: string
  /** Bytes. */
  readonly mtu: number
  readonly onReport: (report: DatapathReport) => void
}) => Promise<TunnelDevice>

/** A TUN of this machine. Rejects with an `AgentError` that names what to do. */
export const openTun: OpenTunnel = async ({ name, mtu, onReport }) => {
  try {
    const datapath = await LaneDatapath.open({ port: { kind: 'tun', name, mtu }, onReport })
    return new TunDevice(datapath)
  } catch (error) {
    if (error instanceof LaneError) throw new AgentError(error.code, error.message, error)
    throw error
  }
}

class TunDevice implements TunnelDevice {
  readonly name: string
  readonly datapath: LaneDatapath
  #routes: readonly Prefix[] = []

  constructor(datapath: LaneDatapath) {
    this.datapath = datapath
    this.name = datapath.portName
  }

  configure({ addresses, routes, mtu }: InterfaceSettings): readonly string[] {
    try {
      const device = NetworkInterface.named(this.name)
      device.setMtu(mtu)
      const leftOut = device.setAddresses(addresses)
      device.up()
      device.removeRoutes(this.#routes.filter((route) => !routes.includes(route)))
      device.addRoutes(routes)
      this.#routes = routes
      return leftOut
    } catch (error) {
      if (error instanceof InterfaceError) throw new AgentError(error.code, error.message, error)
      throw error
    }
  }

  close(): Promise<void> {
    return this.datapath.close()
  }
}
