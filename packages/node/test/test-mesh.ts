import { type Endpoint, type IpAddress, instant, parsePrefix, type Random, toBase64, wallTime } from '@weft/base'
import type { Grant, Netmap, NetmapPeer } from '@weft/coordinator-protocol'
import { nativeCrypto as crypto } from '@weft/crypto'
import {
  createCertificate,
  createRecord,
  decodeChain,
  encodeChain,
  generateNodeKeys,
  type NodeKeys,
  type Revoker,
} from '@weft/identity'
import { type AccountId, accountIdOf, type MeshId, meshIdOf, type NodeId, nodeIdOf, PrivateKey } from '@weft/keys'
import { NO_PINS, type StoredMembership } from '@weft/node'

export const START = { instant: instant(1_000_000), wall: wallTime(Date.UTC(2026, 10, 23)) }
/** The one relay of the mesh, unless there is another. */
export const RELAY = 'aa'.repeat(16) as NodeId
export const SECOND_RELAY = 'bb'.repeat(16) as NodeId
const DAY = 86_400
const startSeconds = START.wall / 1000

/** Not secret, and the same in every run. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0 || 1
  return {
    fill(bytes) {
      for (let i = 0; i < bytes.length; i++) {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
        bytes[i] = state >>> 24
      }
    },
  }
}

export interface TestDevice {
  readonly name: string
  keys: NodeKeys
  readonly id: NodeId
  readonly account: AccountId
  readonly address4: IpAddress
  record: Uint8Array
  readonly chain: Uint8Array
}

/** A mesh's root, accounts and links, and what its coordinator would say. */
export class TestMesh {
  readonly root: PrivateKey<'root'>
  readonly mesh: MeshId
  readonly range = parsePrefix('100.80.0.0/18') ?? assert()
  readonly devices: TestDevice[] = []
  readonly endpoints = new Map<NodeId, readonly Endpoint[]>()
  grants: Grant[] = []
  relays: readonly NodeId[] = [RELAY]
  number = 1
  readonly #random: Random
  readonly #accounts = new Map<string, PrivateKey<'account'>>()
  readonly #links = new Map<string, PrivateKey<'link'>>()

  constructor(seed = 1) {
    this.#random = seededRandom(seed)
    this.root = PrivateKey.generate('root', this.#random)
    this.mesh = meshIdOf(this.root.publicKey(crypto), crypto)
  }

  addDevice(name: string, owner = 'ann', notAfter = startSeconds + 365 * DAY): TestDevice {
    const keys = generateNodeKeys(this.#random)
    // .53 is the resolver's.
    const count = this.devices.length + 1
    const number = count < 53 ? count : count + 1
    const device: TestDevice = {
      name,
      keys,
      id: nodeIdOf(keys.identity.publicKey(crypto), crypto),
      account: this.accountOf(owner),
      address4: `100.80.${number >> 8}.${number & 255}` as IpAddress,
      record: createRecord(keys, 1, crypto),
      chain: this.chainFor(keys, owner, notAfter),
    }
    this.devices.push(device)
    return device
  }

  /** New keys for the device, but not told to anybody: what the coordinator says of it is the same before `device` has them. */
  newKeys(device: TestDevice): Pick<TestDevice, 'keys' | 'record'> {
    const keys = { ...generateNodeKeys(this.#random), identity: device.keys.identity }
    return { keys, record: createRecord(keys, ++this.number, crypto) }
  }

  accountOf(owner: string): AccountId {
    return accountIdOf(this.#account(owner).publicKey(crypto), crypto)
  }

  /** Who may revoke in the name of the account. */
  revokerOf(owner: string): Revoker {
    const [certificate = assert()] = decodeChain(this.chainFor(generateNodeKeys(this.#random), owner))
    return { key: this.#account(owner), certificate }
  }

  chainFor(keys: NodeKeys, owner: string, notAfter = startSeconds + 365 * DAY): Uint8Array {
    const account = this.#account(owner)
    const link = this.#link(owner)
    const common = { notBefore: startSeconds - DAY, tags: [] }
    const long = { notAfter: startSeconds + 3650 * DAY, grantsUntil: startSeconds + 3650 * DAY }
    return encodeChain([
      createCertificate({ kind: 'account', subject: account.publicKey(crypto), ...common, ...long }, this.root, crypto),
      createCertificate({ kind: 'link', subject: link.publicKey(crypto), ...common, ...long }, account, crypto),
      createCertificate(
        { kind: 'device', subject: keys.identity.publicKey(crypto), ...common, notAfter, grantsUntil: 0 },
        link,
        crypto,
      ),
    ])
  }

  claimOf(device: TestDevice): NetmapPeer {
    return {
      id: device.id,
      name: device.name,
      owner: 'ann',
      address4: device.address4,
      record: toBase64(device.record),
      chain: toBase64(device.chain),
      endpoints: [...(this.endpoints.get(device.id) ?? [])],
      online: true,
    }
  }

  netmapFor(device: TestDevice): Netmap {
    return {
      type: 'netmap',
      epoch: 'e',
      number: this.number,
      mesh: { id: this.mesh, rootKey: this.root.publicKey(crypto), domain: 'weft', range: this.range },
      self: { id: device.id, name: device.name, owner: 'ann', address4: device.address4 },
      peers: this.devices.filter((other) => other !== device).map((other) => this.claimOf(other)),
      grants: this.grants,
      relays: this.relays.map((id) => ({ id, places: ['http://192.0.2.1:7480'] })),
    }
  }

  membershipOf(device: TestDevice): StoredMembership {
    return { mesh: this.mesh, keys: device.keys, record: device.record, chain: device.chain, known: [], pins: NO_PINS }
  }

  #account(owner: string): PrivateKey<'account'> {
    return remembered(this.#accounts, owner, () => PrivateKey.generate('account', this.#random))
  }

  #link(owner: string): PrivateKey<'link'> {
    return remembered(this.#links, owner, () => PrivateKey.generate('link', this.#random))
  }
}

function remembered<Value>(known: Map<string, Value>, name: string, make: () => Value): Value {
  const value = known.get(name) ?? make()
  known.set(name, value)
  return value
}

function assert(): never {
  throw new Error('the range is one')
}
