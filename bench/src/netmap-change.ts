import {
  concatBytes,
  type Endpoint,
  type IpAddress,
  instant,
  invariant,
  type Prefix,
  parsePrefix,
  textOf,
  toBase64,
  wallTime,
} from '@weft/base'
import {
  mergeNetmap,
  type Netmap,
  type NetmapChange,
  type NetmapPeer,
  netmapParts,
  readFromCoordinator,
} from '@weft/coordinator-protocol'
import { nativeCrypto as crypto, systemRandom as random } from '@weft/crypto'
import { createCertificate, createRecord, encodeChain, generateNodeKeys, type NodeKeys } from '@weft/identity'
import { accountIdOf, meshIdOf, nodeIdOf, PrivateKey } from '@weft/keys'
import { NO_PINS, Node } from '@weft/node'
import type { Measurement } from './measurement.ts'

const SIZES = [10, 1_000, 10_000]
const CHANGES = 200
const DEPARTURES = 20
/** Of the messages: the newest. */
const VERSION = 4
/** Behind this node's own address and the resolver's. */
const FIRST_ADDRESS = 100
const DAY = 86_400
const METER = { sentBytes: 0, receivedBytes: 0 }

/** What one change of a peer costs a node, from the message as it was opened to the end: by how many peers it has. */
export async function benchNetmapChange(rounds: number): Promise<readonly Measurement[]> {
  const mesh = new BenchMesh(Math.max(...SIZES) + 1)
  return SIZES.flatMap((size) => {
    const { node, verified, netmap } = joined(mesh, size)
    const all = Array.from({ length: rounds }, (_, round) => follow(node, netmap, changes(netmap.current, round)))
    const comings = Array.from({ length: rounds }, (_, round) =>
      follow(node, netmap, departures(netmap.current, round)),
    )
    return [
      { name: `one change with ${size} peers`, unit: 'ms', values: all },
      { name: `one peer that leaves, or comes and is verified, with ${size} peers`, unit: 'ms', values: comings },
      { name: `the first netmap with ${size} peers, for each of them`, unit: 'ms', values: [verified / size] },
    ]
  })
}

function joined(mesh: BenchMesh, size: number) {
  const node = new Node({ crypto, random, meters: { meter: () => METER } as never })
  const at = { instant: instant(1_000), wall: wallTime(Date.now()) }
  node.handle({ kind: 'membership-added', membership: mesh.membership() }, at)
  drain(node)
  const netmap = mesh.netmap(size)
  const started = performance.now()
  node.handle({ kind: 'netmap', mesh: netmap.mesh.id, netmap }, at)
  drain(node)
  const verified = performance.now() - started
  const peers = node.status(at)?.peers.length
  invariant(peers === size, `${peers} of ${size} peers have proved themselves`)
  return { node, verified, netmap: { current: netmap } }
}

type Step = Pick<NetmapChange, 'upsert' | 'remove'>

/** Endpoints of one peer after the other. */
function changes({ peers }: Netmap, round: number): readonly Step[] {
  return Array.from({ length: CHANGES }, (_, i) => {
    const endpoints = [`192.0.2.7:${10_000 + round * CHANGES + i}` as Endpoint]
    return {
      upsert: peers
        .slice((i * 7919) % peers.length)
        .slice(0, 1)
        .map((peer) => ({ ...peer, endpoints })),
      remove: [],
    }
  })
}

function departures({ peers }: Netmap, round: number): readonly Step[] {
  return Array.from({ length: DEPARTURES }, (_, i) => peers[(round + i * 7919) % peers.length]).flatMap((peer) =>
    peer === undefined
      ? []
      : [
          { upsert: [], remove: [peer.id] },
          { upsert: [peer], remove: [] },
        ],
  )
}

/** Milliseconds for each. */
function follow(node: Node, held: { current: Netmap }, steps: readonly Step[]): number {
  const { epoch, number } = held.current
  const messages = steps.map((step, i) =>
    opened({ type: 'change', epoch, from: number + i, number: number + i + 1, ...step }),
  )
  const started = performance.now()
  for (const { text, bytes } of messages) {
    const change = readFromCoordinator(text, bytes) as NetmapChange
    const netmap = mergeNetmap(held.current, change)
    invariant(netmap !== undefined, 'a change fits')
    held.current = netmap
    node.handle(
      { kind: 'netmap', mesh: netmap.mesh.id, netmap, change },
      { instant: instant(2_000 + number), wall: wallTime(Date.now()) },
    )
    drain(node)
  }
  return (performance.now() - started) / steps.length
}

/** As the channel gives it. */
function opened(change: NetmapChange): { readonly text: string; readonly bytes?: Uint8Array } {
  const whole = concatBytes(...netmapParts(change, VERSION).map((part) => part.subarray(1)))
  const end = whole.indexOf(0)
  const text = textOf(end < 0 ? whole : whole.subarray(0, end)) ?? ''
  return end < 0 ? { text } : { text, bytes: whole.subarray(end + 1) }
}

function drain(node: Node): void {
  while (node.poll() !== undefined);
}

class BenchMesh {
  readonly #now = Math.floor(Date.now() / 1000)
  readonly #root = PrivateKey.generate('root', random)
  readonly #account = PrivateKey.generate('account', random)
  readonly #link = PrivateKey.generate('link', random)
  readonly #range = parsePrefix('100.64.0.0/10') as Prefix
  readonly id = meshIdOf(this.#root.publicKey(crypto), crypto)
  readonly #keys: NodeKeys = generateNodeKeys(random)
  readonly #peers: readonly NetmapPeer[]

  constructor(count: number) {
    this.#peers = Array.from({ length: count }, (_, i) => this.#peer(i + FIRST_ADDRESS))
  }

  membership() {
    const keys = this.#keys
    return {
      mesh: this.id,
      keys,
      record: createRecord(keys, 1, crypto),
      chain: this.#chain(keys),
      known: [],
      pins: NO_PINS,
    }
  }

  netmap(size: number): Netmap {
    const id = nodeIdOf(this.#keys.identity.publicKey(crypto), crypto)
    const account = accountIdOf(this.#account.publicKey(crypto), crypto)
    return {
      type: 'netmap',
      epoch: 'e',
      number: 1,
      mesh: { id: this.id, rootKey: this.#root.publicKey(crypto), domain: 'weft', range: this.#range },
      self: { id, name: 'self', owner: 'owner', address4: '100.64.0.1' as IpAddress },
      peers: this.#peers.slice(0, size),
      grants: [{ reason: 'own devices', account, protocol: 'any' }],
    }
  }

  #peer(number: number): NetmapPeer {
    const keys = generateNodeKeys(random)
    return {
      id: nodeIdOf(keys.identity.publicKey(crypto), crypto),
      name: `n${number}`,
      owner: 'owner',
      address4: `100.64.${number >> 8}.${number & 255}` as IpAddress,
      record: toBase64(createRecord(keys, 1, crypto)),
      chain: toBase64(this.#chain(keys)),
      endpoints: ['192.0.2.1:7481' as Endpoint],
      online: true,
    }
  }

  #chain(keys: NodeKeys): Uint8Array {
    const common = { notBefore: this.#now - DAY, notAfter: this.#now + 365 * DAY, tags: [] }
    const grantsUntil = common.notAfter
    const [account, link] = [this.#account, this.#link]
    return encodeChain([
      this.#once(() =>
        createCertificate(
          { kind: 'account', subject: account.publicKey(crypto), ...common, grantsUntil },
          this.#root,
          crypto,
        ),
      ),
      this.#again(() =>
        createCertificate({ kind: 'link', subject: link.publicKey(crypto), ...common, grantsUntil }, account, crypto),
      ),
      createCertificate(
        { kind: 'device', subject: keys.identity.publicKey(crypto), ...common, grantsUntil: 0 },
        link,
        crypto,
      ),
    ])
  }

  #first: Uint8Array | undefined
  #second: Uint8Array | undefined

  #once(make: () => Uint8Array): Uint8Array {
    this.#first ??= make()
    return this.#first
  }

  #again(make: () => Uint8Array): Uint8Array {
    this.#second ??= make()
    return this.#second
  }
}
