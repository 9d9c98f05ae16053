import { writeFileSync } from 'node:fs'
import type { LabProcess } from './lab-process.ts'
import type { Machine } from './machine.ts'
import { until } from './until.ts'

const COORDINATOR_PORT = 7480
/** Of a whole first start on a busy machine. */
const START_TIMEOUT_MS = 30_000

export interface PeerStatus {
  readonly id: string
  readonly name: string
  readonly owner: string
  readonly addresses: readonly string[]
  readonly online: boolean
  readonly path: {
    readonly kind: string
    readonly endpoint?: string
    readonly relay?: string
    readonly mtu?: number
    readonly rttMs?: number
    readonly since?: string
  }
  readonly rxBytes: number
  readonly txBytes: number
  readonly lastHandshake: string | null
}

/** What `weft status --json` prints. */
export interface NodeStatus {
  readonly state: string
  readonly self: { readonly id: string; readonly name: string; readonly addresses: readonly string[] } | null
  readonly coordinator: { readonly url: string; readonly state: string; readonly reason?: string } | null
  readonly network: { readonly collisions: readonly string[] }
  readonly relay: {
    readonly home: string | null
    readonly relays: readonly {
      readonly id: string
      readonly state: string
      readonly rttMs?: number
      readonly reason?: string
      readonly complaints?: number
    }[]
  }
  readonly peers: readonly PeerStatus[]
  /** Named by the coordinator, without having proven themselves. */
  readonly refused: readonly { readonly id: string; readonly name: string; readonly reason: string }[]
  /** What the fast path did without, by reason. */
  readonly dropped: Readonly<Record<string, number>>
  /** What the agent's socket refused, by reason. */
  readonly refusedRequests: Readonly<Record<string, number>>
}

export interface CreatedLink {
  readonly id: string
  readonly link: string
  readonly expires: string
  readonly reusable: boolean
}

/** A machine that has joined, with its addresses in the mesh. */
export class MeshNode {
  readonly machine: Machine
  readonly name: string
  readonly v4: string
  readonly v6: string

  constructor(machine: Machine, self: { readonly name: string; readonly addresses: readonly string[] }) {
    this.machine = machine
    this.name = self.name
    this.v4 = self.addresses.find((address) => !address.includes(':')) ?? ''
    this.v6 = self.addresses.find((address) => address.includes(':')) ?? ''
  }

  async status(): Promise<NodeStatus> {
    return JSON.parse(await this.machine.weftOk('status', '--json'))
  }

  /** Waits until it knows all of these as peers. */
  async knows(...others: readonly MeshNode[]): Promise<void> {
    await until(`${this.name} knows ${others.map(({ name }) => name).join(', ')}`, async () => {
      const { peers } = await this.status()
      const names = peers.map(({ name }) => name)
      if (!others.every(({ name }) => names.includes(name))) throw new Error(`it knows ${names.join(', ') || 'nobody'}`)
      return true
    })
  }

  /** `count` echoes with the machine's own ping; the percentage that was lost. */
  async ping(address: string, count = 1, interval = 0.2): Promise<number> {
    const options = ['-c', String(count), '-i', String(interval), '-W', '2', '-n']
    const { stdout } = await this.machine.run('ping', ...options, address)
    return packetLoss(stdout)
  }

  async reaches(address: string, options: { readonly timeout?: number } = {}): Promise<void> {
    await until(`${this.name} reaches ${address}`, async () => (await this.ping(address)) === 0, options)
  }
}

/** A coordinator and the machines that joined it. */
export class LabMesh {
  readonly machine: Machine
  readonly #port: number
  #process: LabProcess

  private constructor(machine: Machine, process: LabProcess, port: number) {
    this.machine = machine
    this.#process = process
    this.#port = port
  }

  /** Starts `weft serve` on the machine, and waits until it answers. Unless other options are given, it is no node. `port`: where it listens. */
  static async serve(
    machine: Machine,
    options: readonly string[] = ['--no-node'],
    port = COORDINATOR_PORT,
  ): Promise<LabMesh> {
    const mesh = new LabMesh(machine, machine.spawnWeft('serve', ...options), port)
    await mesh.#answers()
    return mesh
  }

  get url(): string {
    const { address } = this.machine
    return `http://${address.includes(':') ? `[${address}]` : address}:${this.#port}`
  }

  get process(): LabProcess {
    return this.#process
  }

  /** Starts it anew with the state it has. */
  async restart(options: readonly string[] = ['--no-node']): Promise<void> {
    this.#process = this.machine.spawnWeft('serve', ...options)
    await this.#answers()
  }

  async createLink(...options: readonly string[]): Promise<CreatedLink> {
    const state = ['--state', '/var/lib/weft']
    return JSON.parse(await this.machine.weftOk('link', 'create', ...state, ...options, '--json'))
  }

  /** Joins with a fresh link; the agent that is started gets the environment too. */
  async join(machine: Machine, env: Readonly<Record<string, string>> = {}): Promise<MeshNode> {
    const { link } = await this.createLink()
    const { code, stderr } = await machine.weftWith({ env }, 'up', link)
    if (code !== 0) throw new Error(`${machine.name} did not join: ${stderr}`)
    const status: NodeStatus = JSON.parse(await machine.weftOk('status', '--json'))
    if (status.self === null) throw new Error(`${machine.name} is up without a self`)
    return new MeshNode(machine, status.self)
  }

  /** Joins them all, and waits until each knows the others. */
  async joinAll<const M extends readonly Machine[]>(...machines: M): Promise<{ [K in keyof M]: MeshNode }> {
    const nodes: MeshNode[] = []
    for (const machine of machines) nodes.push(await this.join(machine))
    await Promise.all(nodes.map((node) => node.knows(...nodes.filter((other) => other !== node))))
    return nodes as { [K in keyof M]: MeshNode }
  }

  async #answers(): Promise<void> {
    await until(
      'the coordinator answers',
      async () => {
        if (!this.#process.isRunning) return 'ended'
        return (await this.machine.run('curl', '-sf', '-m', '2', `${this.url}/healthz`)).code === 0
      },
      { timeout: START_TIMEOUT_MS },
    ).then((outcome) => {
      if (outcome === 'ended') throw new Error(`weft serve ended:\n${this.#process.lines.join('\n')}`)
    })
  }
}

/** A relay of a mesh on a machine of its own. */
export class LabRelay {
  readonly machine: Machine
  readonly url: string
  readonly id: string
  readonly process: LabProcess

  private constructor(machine: Machine, process: LabProcess, id: string, url: string) {
    this.machine = machine
    this.process = process
    this.id = id
    this.url = url
  }

  /** Starts `weft serve --only relay` on the machine, and adds it to the mesh; `port`: of what stands before it there. */
  static async serve(machine: Machine, mesh: LabMesh, port = COORDINATOR_PORT): Promise<LabRelay> {
    const state = ['--state', '/var/lib/weft'] as const
    writeFileSync(machine.path('var/lib/mesh.json'), await mesh.machine.weftOk('relay', 'describe', ...state))
    const process = machine.spawnWeft('serve', '--only', 'relay', '--mesh', '/var/lib/mesh.json')
    await process.line(/is ready at/)
    const url = `http://${machine.address.includes(':') ? `[${machine.address}]` : machine.address}:${port}`
    const { relay } = JSON.parse(await mesh.machine.weftOk('relay', 'add', url, ...state, '--json'))
    return new LabRelay(machine, process, relay.id, url)
  }
}

/** Of the last line of `ping`. */
export function packetLoss(output: string): number {
  const found = /([\d.]+)% packet loss/.exec(output)?.[1]
  return found === undefined ? 100 : Number(found)
}
