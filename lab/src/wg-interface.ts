import { writeFileSync } from 'node:fs'
import type { LabProcess } from './lab-process.ts'
import type { Machine } from './machine.ts'
import type { ReadyPeer } from './peers.ts'
import { until } from './until.ts'

const NAME = 'wg0'
/** `__SO_ACCEPTCON` among the flags in /proc/net/unix. */
const ACCEPTS = ' 00010000 '

export interface WgKeys {
  readonly privateKey: string
  readonly publicKey: string
}

/** A WireGuard interface `wg0` of a machine, served by weft or by another implementation, and configured by the real `wg`. */
export class WgInterface {
  readonly machine: Machine
  readonly process: LabProcess
  keys: WgKeys
  #files = 0

  private constructor(machine: Machine, process: LabProcess, keys: WgKeys) {
    this.machine = machine
    this.process = process
    this.keys = keys
  }

  /** `addresses` with their prefix lengths; the interface is up and has a private key and a port. */
  static async serve(
    machine: Machine,
    program: 'weft' | ReadyPeer,
    options: {
      readonly addresses: readonly string[]
      readonly port: number
      readonly env?: Readonly<Record<string, string>>
    },
  ): Promise<WgInterface> {
    const env = { LOG_LEVEL: 'verbose', ...options.env }
    const serving =
      program === 'weft'
        ? machine.spawnWeftWith(env, 'wg', '--foreground', NAME)
        : machine.spawnWith(env, program.path, ...program.flags, NAME)
    await until(`${machine.name} listens`, () => isListening(machine))
    await until(`${machine.name} answers`, async () => (await machine.run('wg', 'show', NAME)).code === 0)
    const made = new WgInterface(machine, serving, await newKeys(machine))
    for (const address of options.addresses)
      await machine.ok('ip', 'address', 'add', address, 'dev', NAME, ...(address.includes(':') ? ['nodad'] : []))
    await machine.ok('ip', 'link', 'set', NAME, 'up')
    await made.set('private-key', made.file(made.keys.privateKey), 'listen-port', String(options.port))
    return made
  }

  /** `wg set wg0 …`, which must succeed. */
  async set(...words: readonly string[]): Promise<void> {
    await this.machine.ok('wg', 'set', NAME, ...words)
  }

  /** A file with that content on the machine. */
  file(content: string): string {
    const path = `run/wg-file-${++this.#files}`
    writeFileSync(this.machine.path(path), `${content}\n`, { mode: 0o600 })
    return `/${path}`
  }

  /** From now on it has another key, which its peers are to be told. */
  async changeKeys(): Promise<void> {
    this.keys = await newKeys(this.machine)
    await this.set('private-key', this.file(this.keys.privateKey))
  }

  /** One value for each peer, by its public key: `wg show wg0 endpoints`. */
  async show(
    what: 'endpoints' | 'latest-handshakes' | 'transfer' | 'allowed-ips',
  ): Promise<ReadonlyMap<string, string>> {
    const text = await this.machine.ok('wg', 'show', NAME, what)
    return new Map(
      text
        .trim()
        .split('\n')
        .map((line) => [line.slice(0, line.indexOf('\t')), line.slice(line.indexOf('\t') + 1)]),
    )
  }

  /** One echo at least comes back within some seconds. */
  async reaches(address: string): Promise<void> {
    await until(
      `${this.machine.name} reaches ${address}`,
      async () => (await this.machine.run('ping', '-n', '-c', '1', '-W', '1', address)).code === 0,
      { timeout: 20_000 },
    )
  }

  async reachesNot(address: string): Promise<boolean> {
    return (await this.machine.run('ping', '-n', '-c', '2', '-i', '0.3', '-W', '1', address)).code !== 0
  }
}

/** `wg` takes a socket that is bound and not yet listened at for one that a dead process left, and removes it. */
async function isListening(machine: Machine): Promise<boolean> {
  const sockets = await machine.ok('cat', '/proc/net/unix')
  return sockets.split('\n').some((line) => line.includes(ACCEPTS) && line.endsWith(`/wireguard/${NAME}.sock`))
}

async function newKeys(machine: Machine): Promise<WgKeys> {
  const privateKey = (await machine.ok('wg', 'genkey')).trim()
  const { stdout } = await machine.runWith({ input: privateKey }, 'wg', 'pubkey')
  return { privateKey, publicKey: stdout.trim() }
}
