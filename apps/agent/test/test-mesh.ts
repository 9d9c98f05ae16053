import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Logger } from '@weft/base'
import { callControl } from '@weft/control-socket'
import { type RunningCoordinator, startCoordinator } from '@weft/coordinator'
import { systemClock } from '@weft/linux'
import { type AgentStatus, type RunAgentOptions, type RunningAgent, runAgent } from '../src/index.ts'
import { MemoryWire } from './memory-tunnel.ts'

/** Collects lines, so that a test can search them. */
export class TestLog implements Logger {
  readonly lines: string[] = []
  debug = (event: string, fields?: object) => void this.lines.push(`debug ${event} ${JSON.stringify(fields ?? {})}`)
  info = (event: string, fields?: object) => void this.lines.push(`info ${event} ${JSON.stringify(fields ?? {})}`)
  warn = (event: string, fields?: object) => void this.lines.push(`warn ${event} ${JSON.stringify(fields ?? {})}`)
  error = (event: string, fields?: object) => void this.lines.push(`error ${event} ${JSON.stringify(fields ?? {})}`)
}

/** A coordinator on loopback, and agents whose tunnels lie in memory; all of it goes at the end. */
export class TestMesh implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'weft-agent-'))
  readonly wire = new MemoryWire()
  readonly log = new TestLog()
  readonly agents: TestAgent[] = []
  coordinator: RunningCoordinator | undefined
  #port = 0

  static async start(): Promise<TestMesh> {
    const mesh = new TestMesh()
    await mesh.startCoordinator()
    return mesh
  }

  async startCoordinator(): Promise<void> {
    this.coordinator = await startCoordinator({
      stateDirectory: join(this.directory, 'coordinator'),
      listen: { host: '127.0.0.1', port: this.#port },
      logger: this.log,
      clock: systemClock,
    })
    this.#port = this.coordinator.address.port
  }

  get port(): number {
    return this.#port
  }

  async stopCoordinator(): Promise<void> {
    await this.coordinator?.close()
    this.coordinator = undefined
  }

  async link(): Promise<string> {
    const created = await this.coordinator?.createLink()
    if (created === undefined) throw new Error('the coordinator is away')
    return created.link
  }

  agent(name: string): TestAgent {
    const agent = new TestAgent(this, name, `192.0.2.${this.agents.length + 1}`)
    this.agents.push(agent)
    return agent
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const agent of this.agents) await agent.stop()
    await this.stopCoordinator()
    rmSync(this.directory, { recursive: true, force: true })
  }
}

export class TestAgent {
  readonly state: string
  readonly socket: string
  readonly drivers: ReturnType<MemoryWire['driversAt']>
  readonly log = new TestLog()
  running: RunningAgent | undefined

  constructor(mesh: TestMesh, name: string, address: string) {
    this.state = join(mesh.directory, name)
    this.socket = join(mesh.directory, `${name}.sock`)
    this.drivers = mesh.wire.driversAt(address)
  }

  async start(options: Partial<RunAgentOptions> = {}): Promise<this> {
    this.running = await runAgent({
      stateDirectory: this.state,
      socket: this.socket,
      tun: 'weft0',
      logger: this.log,
      drivers: this.drivers,
      ...options,
    })
    return this
  }

  async stop(): Promise<void> {
    await this.running?.close()
    this.running = undefined
  }

  async status(): Promise<AgentStatus> {
    return (await callControl(this.socket, 'status', {})) as AgentStatus
  }

  async up(link?: string): Promise<AgentStatus['self']> {
    const answer = await callControl(this.socket, 'up', link === undefined ? {} : { link })
    return (answer as { readonly self: AgentStatus['self'] }).self
  }

  async down(): Promise<unknown> {
    return await callControl(this.socket, 'down', {})
  }

  /** One ping: whether it was answered. */
  async reaches(peer: string): Promise<boolean> {
    const answer = await callControl(this.socket, 'ping', { peer, count: 1 })
    return (answer as { readonly received: number }).received === 1
  }

  async until(holds: (status: AgentStatus) => boolean): Promise<AgentStatus> {
    for (let tries = 0; tries < 500; tries++) {
      const status = await this.status()
      if (holds(status)) return status
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    throw new Error(`it did not come to pass: ${JSON.stringify(await this.status())}`)
  }
}

/** An agent, and the address of another one that it knows. */
export async function twoAgents(mesh: TestMesh): Promise<{ readonly alice: TestAgent; readonly address: string }> {
  const alice = await mesh.agent('alice').start()
  const bob = await mesh.agent('bob').start()
  await alice.up(await mesh.link())
  const self = await bob.up(await mesh.link())
  await alice.until(({ peers }) => hasEndpoint(peers) && peers.length === 1)
  return { alice, address: self?.addresses[0] ?? '' }
}

export function hasEndpoint(peers: readonly { readonly path: { readonly kind: string } }[]): boolean {
  return peers.every(({ path }) => path.kind !== 'none')
}

export async function refused(promise: Promise<unknown>, code: string): Promise<Error> {
  let thrown: unknown
  await promise.catch((error: unknown) => {
    thrown = error
  })
  assert.ok(thrown instanceof Error && 'code' in thrown, `expected ${code}, and it was ${thrown}`)
  assert.equal(thrown.code, code, thrown.message)
  return thrown
}
