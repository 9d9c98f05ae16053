import { type Lab, type Machine, WgInterface } from '@weft/lab'
import { cpuSeconds } from '../daemon.ts'
import type { Engine } from './engine.ts'

/**
 *   alice (ENGINE: wg0 10.0.0.1, fd00:a::1) ── veth ── bob (ENGINE: wg0 10.0.0.2, fd00:a::2)
 */
export const INSIDE = {
  4: { alice: '10.0.0.1', bob: '10.0.0.2' },
  6: { alice: 'fd00:a::1', bob: 'fd00:a::2' },
} as const
export const OUTSIDE = { alice: '192.0.2.1', bob: '192.0.2.2' } as const
export const PORT = 51820

/** Whether the wire takes UDP super-packets whole, as a veth does and no network would, or they are cut before it. */
export type Wire = 'whole' | 'cut'
export const WIRES: readonly Wire[] = ['whole', 'cut']

/** Two machines with a cable between them and the same engine on both, each the other's peer. */
export class EnginePair implements Disposable {
  readonly engine: Engine
  readonly alice: WgInterface
  readonly bob: WgInterface

  private constructor(engine: Engine, alice: WgInterface, bob: WgInterface) {
    this.engine = engine
    this.alice = alice
    this.bob = bob
  }

  /** @param name of the pair, in the names of its machines */
  static async start(
    lab: Lab,
    name: string,
    engine: Engine,
    env: Readonly<Record<string, string>> = {},
  ): Promise<EnginePair> {
    const [alice, bob] = [lab.machine(`${name}-a`), lab.machine(`${name}-b`)]
    alice.connectTo(bob, 'eth0', 'eth0')
    await connect(alice, OUTSIDE.alice)
    await connect(bob, OUTSIDE.bob)
    const quiet = { LOG_LEVEL: 'error', ...env }
    const serve = (machine: Machine, end: 'alice' | 'bob') =>
      WgInterface.serve(machine, engine.program, {
        addresses: [`${INSIDE[4][end]}/24`, `${INSIDE[6][end]}/64`],
        port: PORT,
        env: quiet,
      })
    const pair = new EnginePair(engine, await serve(alice, 'alice'), await serve(bob, 'bob'))
    await introduce(pair.bob, pair.alice, [`${INSIDE[4].alice}/32`, `${INSIDE[6].alice}/128`])
    await introduce(pair.alice, pair.bob, [`${INSIDE[4].bob}/32`, `${INSIDE[6].bob}/128`], `${OUTSIDE.bob}:${PORT}`)
    await pair.alice.reaches(INSIDE[4].bob)
    const server = bob.spawn('iperf3', '--server', '--forceflush')
    await server.line(/listening/)
    return pair
  }

  async setWire(wire: Wire): Promise<void> {
    const state = wire === 'whole' ? 'on' : 'off'
    for (const { machine } of [this.alice, this.bob])
      await machine.ok('ethtool', '-K', 'eth0', 'tx-udp-segmentation', state, 'gro', state)
  }

  /** CPU seconds that both daemons have used so far. */
  cpuSeconds(): number {
    return cpuSeconds(this.alice.process.pid) + cpuSeconds(this.bob.process.pid)
  }

  /** Its machines end; the lab would do so too. */
  [Symbol.dispose](): void {
    for (const { machine } of [this.alice, this.bob]) {
      machine.kill()
      machine.remove()
    }
  }
}

async function connect(machine: Machine, address: string): Promise<void> {
  await machine.ok('ip', 'address', 'add', `${address}/24`, 'dev', 'eth0')
  await machine.ok('ip', 'link', 'set', 'eth0', 'up')
}

async function introduce(
  to: WgInterface,
  peer: WgInterface,
  prefixes: readonly string[],
  endpoint?: string,
): Promise<void> {
  const known = endpoint === undefined ? [] : ['endpoint', endpoint]
  await to.set('peer', peer.keys.publicKey, ...known, 'allowed-ips', prefixes.join(','))
}
