import { Capture } from './capture.ts'
import { Link } from './link.ts'
import { addNamespace, removeNamespace } from './remains.ts'
import { LabError, system } from './system-command.ts'

/** The machine's number is the last byte of its addresses. */
const MAX_MACHINES = 250

export interface SwitchNetwork {
  /** A /24: `192.0.2.0/24`. */
  readonly v4?: string
  /** A /64: `2001:db8:1::/64`. */
  readonly v6?: string
}

/** A switch: a bridge in a namespace of its own, so that the host's network stays as it is. */
export class Switch {
  readonly name: string
  readonly #namespace: string
  readonly #directory: string
  readonly network: SwitchNetwork
  #machines = 0
  #captures = 0
  #links = 0

  private constructor(options: {
    readonly name: string
    readonly namespace: string
    readonly directory: string
    readonly network: SwitchNetwork
  }) {
    this.name = options.name
    this.#namespace = options.namespace
    this.#directory = options.directory
    this.network = options.network
  }

  static create(options: {
    readonly name: string
    readonly namespace: string
    readonly directory: string
    readonly network: SwitchNetwork
  }): Switch {
    const { v4, v6 } = options.network
    if (v4 !== undefined && !/^(\d+\.){3}0\/24$/.test(v4)) throw new LabError(`not a /24: ${v4}`)
    if (v6 !== undefined && !v6.endsWith('::/64')) throw new LabError(`not a /64: ${v6}`)
    addNamespace(options.namespace)
    system('ip', '-n', options.namespace, 'link', 'add', 'bridge', 'type', 'bridge', 'mcast_snooping', '0')
    system('ip', '-n', options.namespace, 'link', 'set', 'bridge', 'up')
    return new Switch(options)
  }

  /** A cable to `eth0` (or another port) of the machine's namespace; the switch's end bears the machine's name. */
  attach(machine: string, namespace: string, port = 'eth0'): { v4?: string; v6?: string } {
    const number = ++this.#machines
    if (number > MAX_MACHINES) throw new LabError(`the switch ${this.name} is full`)
    system(
      ...(['ip', 'link', 'add', machine, 'netns', this.#namespace] as const),
      ...(['type', 'veth', 'peer', 'name', port, 'netns', namespace] as const),
    )
    system('ip', '-n', this.#namespace, 'link', 'set', machine, 'master', 'bridge', 'up')
    const v4 = this.network.v4?.replace(/0\/24$/, `${number}/24`)
    const v6 = this.network.v6?.replace(/::\/64$/, `::${number.toString(16)}/64`)
    if (v4 !== undefined) system('ip', '-n', namespace, 'address', 'add', v4, 'dev', port)
    if (v6 !== undefined) system('ip', '-n', namespace, 'address', 'add', v6, 'dev', port, 'nodad')
    system('ip', '-n', namespace, 'link', 'set', port, 'up')
    return { ...(v4 === undefined ? {} : { v4 }), ...(v6 === undefined ? {} : { v6 }) }
  }

  /** Puts a link into the machine's cable; nothing else about the machine changes. `seed` is the weather's. */
  async insertLink(machine: { readonly name: string }, seed = 1): Promise<Link> {
    const name = `link${++this.#links}`
    const [near, far] = [`${name}a`, `${name}b`]
    const link = await Link.create(this.#namespace, [near, far], { log: `${this.#directory}-${name}.log`, seed })
    system('ip', '-n', this.#namespace, 'link', 'add', name, 'type', 'bridge', 'mcast_snooping', '0')
    system('ip', '-n', this.#namespace, 'link', 'set', name, 'up')
    system('ip', '-n', this.#namespace, 'link', 'set', far, 'master', 'bridge')
    for (const port of [near, machine.name]) system('ip', '-n', this.#namespace, 'link', 'set', port, 'master', name)
    return link
  }

  /** Records what passes the machine's port. */
  capture(machine: { readonly name: string }, filter = ''): Promise<Capture> {
    return Capture.start(this.#namespace, machine.name, `${this.#directory}-${++this.#captures}.pcap`, filter)
  }

  remove(): void {
    removeNamespace(this.#namespace)
  }
}
