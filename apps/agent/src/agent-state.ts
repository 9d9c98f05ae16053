import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Logger, toBase64, type WallTime, wallTime } from '@weft/base'
import { changeSchema, mergeNetmap, type Netmap, type NetmapChange } from '@weft/coordinator-protocol'
import { nativeCrypto } from '@weft/crypto'
import { createRecord, type LinkEndpoint, type NodeKeys } from '@weft/identity'
import { type KeyRole, type MeshId, type NodeId, nodeIdOf, type PrivateKey, type PublicKey } from '@weft/keys'
import { type FormerKeys, type KnownPeer, NO_PINS, type StoredMembership, type StoredPins } from '@weft/node'
import {
  addToStateLog,
  ensureDirectory,
  eraseSecret,
  type FileLock,
  lockFile,
  readStateFile,
  readStateLog,
  StateError,
  writeFileAtomic,
} from '@weft/state'
import { AgentError } from './agent-error.ts'
import {
  agentSchema,
  FIRST_SEQUENCE,
  keysSchema,
  membershipSchema,
  NETMAP_VERSION,
  netmapFileSchema,
  revocationsFileSchema,
  textOfEndpoint,
  timestampFileSchema,
  trustFileSchema,
} from './membership-schemas.ts'

/** How the coordinator of a mesh is reached, and known. */
export interface CoordinatorContact {
  readonly coordinatorKey: PublicKey<'coordinator'>
  readonly endpoints: readonly LinkEndpoint[]
}

/** Keys that take the place of others, with the sequence number of their record. */
export interface NextKeys extends NodeKeys {
  readonly sequence: number
}

/** All that `keys.json` holds. A record is made of the keys and its sequence number, so it is told apart by these. */
export interface DeviceKeys {
  /** Of the link that the first keys were made to join with. */
  readonly link: PublicKey<'link'>
  readonly keys: NodeKeys
  readonly sequence: number
  readonly next?: NextKeys
  readonly former?: FormerKeys
}

/** A membership as it lies on disk. */
export interface MembershipOnDisk extends StoredMembership, DeviceKeys, CoordinatorContact {
  readonly next?: NextKeys
  readonly former?: FormerKeys
  readonly id: NodeId
  readonly name: string
}

/** The membership with these keys in place of what it had. */
export function withKeys(
  { next: _next, former: _former, ...membership }: MembershipOnDisk,
  { link, keys, sequence, next, former }: DeviceKeys,
): MembershipOnDisk {
  const record = createRecord(keys, sequence, nativeCrypto)
  return { ...membership, link, keys, sequence, record, ...(next && { next }), ...(former && { former }) }
}

type MembershipFile = 'keys' | 'membership' | 'netmap' | 'timestamp' | 'trust' | 'revocations'

interface AgentSettings {
  readonly port?: number | undefined
  readonly up: boolean
}

/**
 * The agent's state directory; docs/architecture.md has its layout. One agent at a time has it. The node's private
 * keys are in `keys.json` only. Every write is atomic, and a membership exists from the moment its `membership.json` does.
 */
export class AgentState implements Disposable {
  readonly #directory: string
  readonly #lock: FileLock
  readonly #logger: Logger
  #settings: AgentSettings

  /** @throws {StateError} where another agent has it, or what is there cannot be read. */
  constructor(directory: string, logger: Logger) {
    this.#directory = directory
    this.#logger = logger
    ensureDirectory(directory, 0o700)
    this.#lock = lockFile(join(directory, 'agent.lock'))
    try {
      this.#settings = readStateFile(join(directory, 'agent.json'), agentSchema) ?? { up: false }
    } catch (error) {
      this.#lock.release()
      throw error
    }
  }

  get port(): number | undefined {
    return this.#settings.port
  }

  get isUp(): boolean {
    return this.#settings.up
  }

  savePort(port: number): void {
    this.#saveSettings({ ...this.#settings, port })
  }

  saveUp(up: boolean): void {
    if (up !== this.#settings.up) this.#saveSettings({ ...this.#settings, up })
  }

  /** @throws {StateError} where a file cannot be read; {AgentError} `state-incomplete`. */
  readMemberships(): readonly MembershipOnDisk[] {
    return this.#meshes().flatMap((mesh) => this.#readMembership(mesh) ?? [])
  }

  /** Also the keys of a join that was not answered, so that it can be asked for again as the same node. */
  readKeys(mesh: MeshId): DeviceKeys | undefined {
    const file = readStateFile(this.#file(mesh, 'keys'), keysSchema)
    if (file === undefined) return undefined
    const { version: _version, link, sequence, next, former, ...keys } = file
    return {
      link,
      keys,
      sequence,
      ...(next === undefined ? {} : { next: { ...next, identity: keys.identity } }),
      ...(former === undefined ? {} : { former }),
    }
  }

  /** @throws {AgentError} `state-incomplete` where what is there may belong to a membership that was damaged. */
  saveJoinKeys(mesh: MeshId, { link, keys }: Pick<DeviceKeys, 'link' | 'keys'>): void {
    ensureDirectory(this.#folder(mesh), 0o700)
    const damaged = readdirSync(this.#folder(mesh)).find((file) => file.includes('.json.corrupt-'))
    if (damaged !== undefined)
      throw new AgentError(
        'state-incomplete',
        `${join(this.#folder(mesh), damaged)} is a damaged membership in this mesh; repair it, or move ${this.#folder(mesh)} away and join again`,
      )
    this.saveKeys(mesh, { link, keys, sequence: FIRST_SEQUENCE })
  }

  saveKeys(mesh: MeshId, { link, keys, sequence, next, former }: DeviceKeys): void {
    this.#write(mesh, 'keys', {
      version: 1,
      link,
      identity: textOf(keys.identity),
      ...rotatingTexts(keys),
      ...(sequence === FIRST_SEQUENCE ? {} : { sequence }),
      ...(next === undefined ? {} : { next: { sequence: next.sequence, ...rotatingTexts(next) } }),
      ...(former === undefined
        ? {}
        : { former: { node: textOf(former.node), probe: textOf(former.probe), until: former.until } }),
    })
  }

  saveMembership(membership: MembershipOnDisk): void {
    const { mesh, id, name, record, chain, coordinatorKey, endpoints } = membership
    this.#write(mesh, 'membership', {
      version: 1,
      mesh,
      id,
      name,
      record: toBase64(record),
      chain: toBase64(chain),
      coordinatorKey,
      endpoints: endpoints.map(textOfEndpoint),
    })
  }

  saveNetmap(mesh: MeshId, netmap: Netmap, known: readonly KnownPeer[]): void {
    this.#write(mesh, 'netmap', { version: NETMAP_VERSION, netmap, known })
  }

  savePins(mesh: MeshId, pins: StoredPins): void {
    this.#write(mesh, 'trust', { version: 1, ...pins })
  }

  /** What leads on from the netmap that was saved: on disk when it returns, or safe from this program's end only. */
  addNetmapChange(mesh: MeshId, change: NetmapChange, options: { readonly isDurable: boolean }): void {
    addToStateLog(this.#file(mesh, 'netmap'), change, options)
  }

  saveTimestamp(mesh: MeshId, bound: WallTime): void {
    this.#write(mesh, 'timestamp', { version: 1, latest: bound })
  }

  hasRootFile(mesh: MeshId): boolean {
    return existsSync(this.#rootFile(mesh))
  }

  /** The text of the mesh's root file, where this device holds it. */
  readRootFile(mesh: MeshId): string | undefined {
    if (!this.hasRootFile(mesh)) return undefined
    const path = this.#rootFile(mesh)
    try {
      return readFileSync(path, 'utf8')
    } catch (error) {
      throw new StateError('state-denied', `cannot read ${path}: check its owner and mode`, error)
    }
  }

  saveRootFile(mesh: MeshId, text: string): void {
    writeFileAtomic(this.#rootFile(mesh), text, 0o600)
  }

  eraseRootFile(mesh: MeshId): void {
    eraseSecret(this.#rootFile(mesh))
  }

  saveRevocations(mesh: MeshId, revocations: readonly Uint8Array[]): void {
    this.#write(mesh, 'revocations', { version: 1, revocations: revocations.map(toBase64) })
  }

  /** Of a mesh that this device was removed from: its keys are of no use any more. What else lies in the mesh's folder stays there. */
  removeMembership(mesh: MeshId): void {
    // The membership goes first: without it the rest is none.
    for (const name of ['membership', 'keys', 'netmap', 'timestamp', 'revocations'] as const)
      rmSync(this.#file(mesh, name), { force: true })
    if (readdirSync(this.#folder(mesh)).length === 0) rmdirSync(this.#folder(mesh))
  }

  /** For a join that came to nothing. What else lies in the mesh's folder stays there. */
  removeJoinKeys(mesh: MeshId): void {
    rmSync(this.#file(mesh, 'keys'), { force: true })
    if (readdirSync(this.#folder(mesh)).length === 0) rmdirSync(this.#folder(mesh))
  }

  [Symbol.dispose](): void {
    this.#lock.release()
  }

  #readMembership(mesh: MeshId): MembershipOnDisk | undefined {
    const ownSchema = membershipSchema.refine((file) => file.mesh === mesh, `it is of another mesh than ${mesh}`)
    const membership = readStateFile(this.#file(mesh, 'membership'), ownSchema)
    if (membership === undefined) return undefined
    const device = this.readKeys(mesh)
    if (device === undefined)
      throw new AgentError(
        'state-incomplete',
        `${this.#file(mesh, 'keys')} is missing; restore it from a backup, or remove ${this.#folder(mesh)} and join again with a new link`,
      )
    if (nodeIdOf(device.keys.identity.publicKey(nativeCrypto), nativeCrypto) !== membership.id)
      throw new AgentError(
        'state-incomplete',
        `${this.#file(mesh, 'keys')} is of another device than ${this.#file(mesh, 'membership')}; restore both from one backup, or remove ${this.#folder(mesh)} and join again with a new link`,
      )
    const { version: _version, ...rest } = membership
    // The file's own is that of the time of its writing: keys are replaced in one file, by one write.
    const record = createRecord(device.keys, device.sequence, nativeCrypto)
    return {
      ...rest,
      ...device,
      record,
      ...this.#readNetmap(mesh),
      ...this.#readTimestamp(mesh),
      ...this.#readRevocations(mesh),
    }
  }

  /** The coordinator tells the netmap again, so the node does without one that is damaged. */
  #readNetmap(mesh: MeshId): Pick<StoredMembership, 'netmap' | 'known' | 'pins'> {
    const log = this.#doneWithout('netmap', () =>
      readStateLog(this.#file(mesh, 'netmap'), netmapFileSchema, changeSchema, NETMAP_VERSION),
    )
    const pins = this.#readPins(mesh)
    if (log === undefined) return { known: [], pins: pins ?? NO_PINS }
    const { whole: file, added } = log
    const known = file.known.map(({ id, sequence, digest }) => ({ id, sequence, digest }))
    return {
      netmap: ledOn(file.netmap, added),
      known,
      pins: pins ?? { names: pinsOfVersion1(file.known), addresses: [] },
    }
  }

  /** Without it names and addresses are the devices' of the stored netmap, as at first sight. */
  #readPins(mesh: MeshId): StoredPins | undefined {
    const file = this.#doneWithout('trust', () => readStateFile(this.#file(mesh, 'trust'), trustFileSchema))
    return file && { names: file.names, addresses: file.addresses }
  }

  /** Without it the clock's time will do, unless it was set back. */
  #readTimestamp(mesh: MeshId): Pick<StoredMembership, 'latestTimestamp'> {
    const file = this.#doneWithout('timestamp', () => readStateFile(this.#file(mesh, 'timestamp'), timestampFileSchema))
    return file === undefined ? {} : { latestTimestamp: file.latest }
  }

  /** The netmap beside it has most of them, and the coordinator tells them again with the next whole one. */
  #readRevocations(mesh: MeshId): Pick<StoredMembership, 'revocations'> {
    const file = this.#doneWithout('revocations', () =>
      readStateFile(this.#file(mesh, 'revocations'), revocationsFileSchema),
    )
    return file === undefined ? {} : { revocations: file.revocations }
  }

  /** A damaged file is moved aside and done without. */
  #doneWithout<T>(name: 'netmap' | 'timestamp' | 'trust' | 'revocations', read: () => T | undefined): T | undefined {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof StateError) || error.code !== 'state-corrupt') throw error
      this.#logger.warn(`${name} corrupt`, { reason: error.message })
      return undefined
    }
  }

  #meshes(): readonly MeshId[] {
    const folder = join(this.#directory, 'meshes')
    ensureDirectory(folder, 0o700)
    return readdirSync(folder)
      .filter((entry) => /^[0-9a-f]{32}$/.test(entry))
      .sort()
      .map((entry) => entry as MeshId)
  }

  #saveSettings(settings: AgentSettings): void {
    writeFileAtomic(join(this.#directory, 'agent.json'), `${JSON.stringify({ version: 1, ...settings })}\n`)
    this.#settings = settings
  }

  #write(mesh: MeshId, name: MembershipFile, value: unknown): void {
    writeFileAtomic(this.#file(mesh, name), `${JSON.stringify(value)}\n`, 0o600)
  }

  #file(mesh: MeshId, name: MembershipFile): string {
    return join(this.#folder(mesh), `${name}.json`)
  }

  #rootFile(mesh: MeshId): string {
    return join(this.#folder(mesh), 'root')
  }

  #folder(mesh: MeshId): string {
    return join(this.#directory, 'meshes', mesh)
  }
}

/** Before there were pins, the last name of each peer was noted beside its record. */
function pinsOfVersion1(known: readonly { readonly id: NodeId; readonly name?: string }[]): StoredPins['names'] {
  return known.flatMap(({ id, name }) =>
    name === undefined || name === '' ? [] : [{ value: name, id, seen: wallTime(0) }],
  )
}

const textOf = (key: PrivateKey<KeyRole>): string => toBase64(key.expose())

const rotatingTexts = ({ node, channel, probe, kem }: NodeKeys) => ({
  node: textOf(node),
  channel: textOf(channel),
  probe: textOf(probe),
  kem: textOf(kem),
})

/** As far as the changes lead. */
function ledOn(netmap: Netmap, changes: readonly NetmapChange[]): Netmap {
  let latest = netmap
  for (const change of changes) {
    const next = mergeNetmap(latest, change)
    if (next === undefined) break
    latest = next
  }
  return latest
}
