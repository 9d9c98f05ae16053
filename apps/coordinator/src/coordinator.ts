import { type Clock, CoreRunner, type Endpoint, invariant, type Logger, type Prefix, toBase64 } from '@weft/base'
import type { NetmapRecord, Params } from '@weft/coordinator-protocol'
import { meshPrefix } from '@weft/identity'
import {
  type AccountId,
  type CryptoProvider,
  type NodeId,
  nodeIdOf,
  type PublicKey,
  rememberingSignatures,
} from '@weft/keys'
import { systemAlarm } from '@weft/linux'
import type { DeviceRow, RecordRow, RevocationRow, StoreTransaction } from '@weft/storage'
import { type BringBackWish, bringBack } from './bring-back.ts'
import type { Caller, CoordinatorOptions } from './coordinator-interface.ts'
import { type JoinWish, join, secondsOf } from './join.ts'
import type { MeshFiles } from './mesh-files.ts'
import { MeshLinks } from './mesh-links.ts'
import { deviceCalled, newRecord, removeRecords, renamed } from './mesh-names.ts'
import { applyChange, type Held, hasGivenOut, type MeshState } from './mesh-state.ts'
import { type FeedInput, type FeedOutput, NetmapFeed, type Subscriber } from './netmap-feed.ts'
import { type Outcome, outcomeOf } from './outcome.ts'
import { notePresence, Presence } from './presence.ts'
import { notedOf, noteSource, publish } from './publish.ts'
import { Refusal } from './refusal.ts'
import { type Removal, type RevokingPlace, removeDevice, takeRevocations } from './revoking.ts'
import { WriteQueue } from './write-queue.ts'

/**
 * The mesh and everything that can be asked of it. There is one writer: each change is a transaction, then a new snapshot,
 * then told to whom it concerns, before the next one begins. What fails leaves database, snapshot and netmaps as they were.
 */
export class Coordinator {
  readonly links: MeshLinks
  readonly #files: MeshFiles
  readonly #crypto: CryptoProvider
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #prefixes: readonly Prefix[]
  readonly #feed: CoreRunner<FeedInput, FeedOutput>
  readonly #presence: Presence
  readonly #writes: WriteQueue<Outcome<unknown>>
  readonly #onRekeyed: (node: NodeId) => void
  readonly #disconnect: (node: NodeId, revocation: string | undefined) => void
  readonly #onRevoked: (revocations: readonly Uint8Array[]) => void
  #state: MeshState
  #copied: number | undefined
  /** By what would be the revoked key's node: anybody may ask for one. */
  readonly #revoked = new Map<NodeId, string>()
  #expecting: NodeJS.Timeout | undefined

  constructor(options: CoordinatorOptions) {
    const { files, state, tell, crypto, random, clock, logger, returning } = options
    this.#files = files
    this.#disconnect = options.disconnect
    this.#onRekeyed = options.onRekeyed
    this.#onRevoked = options.onRevoked ?? (() => undefined)
    this.#state = state
    this.#crypto = rememberingSignatures(crypto)
    this.#noteRevoked(state.revocations)
    this.#clock = clock
    this.#logger = logger
    this.#prefixes = [state.range, meshPrefix(state.rootKey, crypto)]
    this.#writes = new WriteQueue(files.store, (outcome) => this.#apply(outcome))
    this.links = new MeshLinks({ files, inTurn: (work) => this.#read(work), crypto, random, clock })
    this.#presence = new Presence((online) => this.#writePresence(online))
    this.#copied = files.mesh.copied
    this.#presence.expect([...state.devices.values()].filter(({ row }) => row.online).map(({ id }) => id))
    this.#expecting = setTimeout(() => this.#presence.giveUpExpected(), returning)
    this.#feed = new CoreRunner({
      core: new NetmapFeed(state),
      clock,
      alarm: options.alarm ?? systemAlarm(),
      act: tell,
    })
  }

  /** Since when the database is known to be an older copy: nothing newer was in it. */
  get copied(): number | undefined {
    return this.#copied
  }

  get state(): MeshState {
    return this.#state
  }

  isDevice(key: PublicKey<'channel'>): boolean {
    return this.#state.nodesByChannelKey.has(key)
  }

  async join(wish: JoinWish): Promise<DeviceRow> {
    const { id, range } = this.#state
    const place = { mesh: id, range, crypto: this.#crypto, at: this.#clock().wall }
    const { device, changed } = await this.#write(async (transaction) =>
      outcomeOf(await join(transaction, wish, place)),
    )
    if (changed) this.#logger.info('device joined', { device: device.id, name: device.name })
    return device
  }

  publish(
    caller: Caller,
    news: { readonly endpoints: readonly Endpoint[]; readonly record: Uint8Array | undefined },
  ): Promise<unknown> {
    return this.#write(async (transaction) => {
      const device = await this.#deviceOf(transaction, caller)
      return outcomeOf(await publish(transaction, device, news, this.#placeOf(caller)))
    })
  }

  /**
   * Whether the caller may subscribe as that node; it is noted where it comes from. What costs no write needs none, so
   * that a thousand nodes may come back at once, and also while the disk is full.
   * @throws {Refusal} `not-registered`, `database-older`.
   */
  async admit(caller: Caller, node: NodeId, held: Held | undefined): Promise<void> {
    const known = this.#state.nodesByChannelKey.get(caller.channelKey)
    if (known === undefined) throw notRegistered()
    if (known !== node)
      throw new Refusal('not-registered', 'this channel is of another device: subscribe with the id of this one')
    if (held !== undefined && !hasGivenOut(this.#state, held)) {
      await this.#noticeCopy()
      throw new Refusal('database-older', 'this coordinator goes on from an older copy of its database')
    }
    await this.#noteSource(caller, node)
  }

  /** A device that is known here no more, or less of it, since the database is an older copy. @throws {Refusal} */
  async bringBack(wish: BringBackWish): Promise<void> {
    const { id, range } = this.#state
    const place = { mesh: id, range, crypto: this.#crypto, at: this.#clock().wall }
    const { device, changed } = await this.#write(async (transaction) =>
      outcomeOf(await bringBack(transaction, wish, place)),
    )
    if (changed) this.#logger.info('device brought itself back', { device: device.id, name: device.name })
  }

  /** Begins to tell a channel that was admitted, or begins anew. */
  subscribe(input: Omit<Extract<FeedInput, { kind: 'subscribe' }>, 'kind'>): void {
    this.#feed.tell({ kind: 'subscribe', ...input })
  }

  cameOnline(node: NodeId): void {
    this.#presence.opened(node)
  }

  /** The channel of a device that came online is gone. */
  unsubscribe(subscriber: Subscriber, node: NodeId): void {
    this.#feed.tell({ kind: 'unsubscribe', subscriber })
    this.#presence.closed(node)
  }

  /** The account whose device the caller is. @throws {Refusal} `not-registered`. */
  accountOf(caller: Caller): AccountId {
    const node = this.#state.nodesByChannelKey.get(caller.channelKey)
    const device = node === undefined ? undefined : this.#state.devices.get(node)
    if (device === undefined) throw notRegistered()
    return device.account
  }

  /** The account of whoever runs the coordinator. */
  get firstAccount(): AccountId {
    const [first] = this.#state.accounts.keys()
    invariant(first !== undefined, 'a mesh has an account from the first start on')
    return first
  }

  /** The root file, and what comes of it: see `MeshRoot`. @throws {Refusal} */
  exportRoot(): Promise<string> {
    return this.#read(async (transaction) => this.#files.root.text(await transaction.accounts()))
  }

  async forgetRoot(digest: string): Promise<void> {
    await this.#read(async (transaction) => this.#files.root.forget(digest, await transaction.accounts()))
    this.#logger.info('root key moved', { action: 'it is gone from here' })
  }

  async importRoot(text: string): Promise<void> {
    await this.#read(async (transaction) => this.#files.root.take(text, this.#state.id, await transaction.accounts()))
    this.#logger.info('root key moved', { action: 'it is here again' })
  }

  get holdsRoot(): boolean {
    return this.#files.root.isHere
  }

  async renameDevice(
    account: AccountId,
    device: string,
    name: string,
  ): Promise<{ before: DeviceRow; after: DeviceRow }> {
    const renaming = await this.#write(async (transaction) => {
      const before = await deviceCalled(transaction, account, device, this.#namingPlace())
      const after = await renamed(transaction, before, name)
      if (after.name === before.name) return { result: { before, after }, changed: [] }
      const row: DeviceRow = { ...after, changed: await transaction.nextNumber() }
      await transaction.updateDevice(row)
      return { result: { before, after: row }, changed: [row] }
    })
    const { before, after } = renaming
    this.#logger.info('device renamed', { device: after.id, name: after.name, before: before.name })
    return renaming
  }

  /** By name, address or id. @throws {Refusal} `not-found`. */
  device(account: AccountId, text: string): Promise<DeviceRow> {
    return this.#read((transaction) => deviceCalled(transaction, account, text, this.#namingPlace()))
  }

  async removeDevice(account: AccountId, device: string): Promise<Removal> {
    const removal = await this.#write(async (transaction) => {
      const row = await deviceCalled(transaction, account, device, this.#namingPlace())
      const { root } = this.#files
      const signer = root.isHere ? root.signerOf(account) : undefined
      return removeDevice(transaction, row, { signer, ...this.#revokingPlace() })
    })
    const { id, name } = removal.device
    if (!removal.isRevoked)
      this.#logger.warn('device removed without a revocation', {
        device: id,
        action: 'the root key was moved: its certificate holds for whoever is not told otherwise',
      })
    this.#logger.info('device removed', { device: id, name })
    return removal
  }

  /** Those that were signed elsewhere, by whoever has the key. @throws {Refusal} */
  async revoke(revocations: readonly Uint8Array[]): Promise<void> {
    await this.#write((transaction) => takeRevocations(transaction, revocations, this.#revokingPlace()))
  }

  /** Because of which the node is no device any more: base64. */
  revocationOf(node: NodeId): string | undefined {
    return this.#state.devices.has(node) ? undefined : this.#revoked.get(node)
  }

  addRecord(account: AccountId, wish: Params<'name-add'>): Promise<NetmapRecord> {
    this.requireFirst(account)
    return this.#write(async (transaction) => {
      const { record, isNew } = await newRecord(transaction, wish)
      if (!isNew) return { result: record, changed: [] }
      await transaction.createRecord(record)
      return this.#recordsChanged(transaction, record)
    })
  }

  /** All of the name, or those of the type, or of the value, too. */
  removeRecords(account: AccountId, choice: Params<'name-remove'>): Promise<RecordRow[]> {
    this.requireFirst(account)
    return this.#write(async (transaction) => {
      const removed = await removeRecords(transaction, choice)
      return this.#recordsChanged(transaction, removed)
    })
  }

  /** A change of what belongs to the mesh as a whole. @throws {Refusal} `not-allowed`. */
  async changeAsOwner<T>(account: AccountId, work: (transaction: StoreTransaction) => Promise<Outcome<T>>): Promise<T> {
    this.requireFirst(account)
    return this.#write(work)
  }

  /** Devices whose channels close from now on are expected back at the next start. */
  leave(): void {
    clearTimeout(this.#expecting)
    this.#presence.freeze()
  }

  /** Once everything that was asked is done; channels are closed before. */
  async settled(): Promise<void> {
    await this.#presence.settled()
    await this.#writes.settled()
  }

  async #recordsChanged<T>(transaction: StoreTransaction, result: T): Promise<Outcome<T>> {
    const number = await transaction.nextNumber()
    return { result, changed: [], records: { all: await transaction.records(), number } }
  }

  /** What belongs to the mesh as a whole is its owner's. @throws {Refusal} `not-allowed`. */
  requireFirst(account: AccountId): void {
    if (account !== this.firstAccount) throw new Refusal('not-allowed', "this is the mesh owner's to change: ask them")
  }

  #namingPlace() {
    return { rootKey: this.#state.rootKey, crypto: this.#crypto }
  }

  #revokingPlace(): RevokingPlace {
    return { mesh: this.#state.id, crypto: this.#crypto, at: this.#clock().wall }
  }

  #placeOf({ source }: Caller) {
    return { prefixes: this.#prefixes, crypto: this.#crypto, source }
  }

  async #deviceOf(transaction: StoreTransaction, { channelKey }: Caller): Promise<DeviceRow> {
    const device = await transaction.deviceByChannelKey(channelKey)
    if (device === undefined || !this.#state.devices.has(device.id)) throw notRegistered()
    return device
  }

  async #noticeCopy(): Promise<void> {
    if (this.#copied !== undefined) return
    this.#copied = await this.#read((transaction) => transaction.markCopied(secondsOf(this.#clock().wall)))
    this.#logger.warn('the database is an older copy', {
      newest: new Date(this.#copied * 1000).toISOString(),
      action: 'devices bring back what they know of themselves; links and settings made since are lost',
    })
  }

  async #noteSource(caller: Caller, node: NodeId): Promise<void> {
    const place = this.#placeOf(caller)
    const row = this.#state.devices.get(node)?.row
    if (row === undefined || notedOf(row, place) === row.noted) return
    try {
      await this.#write(async (transaction) =>
        outcomeOf(await noteSource(transaction, await this.#deviceOf(transaction, caller), place)),
      )
    } catch (error) {
      // The device is served all the same: its peers know other endpoints of it.
      this.#logger.warn('cannot note where a device is', { reason: messageOf(error) })
    }
  }

  async #writePresence(online: ReadonlyMap<NodeId, boolean>): Promise<void> {
    try {
      await this.#write(async (transaction) => ({
        result: undefined,
        changed: await notePresence(transaction, online),
      }))
    } catch (error) {
      this.#logger.error('cannot note who is online', { reason: messageOf(error) })
      throw error
    }
  }

  #read<T>(work: (transaction: StoreTransaction) => Promise<T>): Promise<T> {
    return this.#write(async (transaction) => ({ result: await work(transaction), changed: [] }))
  }

  async #write<T>(work: (transaction: StoreTransaction) => Promise<Outcome<T>>): Promise<T> {
    const { result } = await this.#writes.add(work)
    return result
  }

  #noteRevoked(revocations: readonly RevocationRow[]): void {
    for (const { revoked, bytes } of revocations)
      this.#revoked.set(nodeIdOf(revoked as PublicKey<'identity'>, this.#crypto), toBase64(bytes))
    this.#onRevoked(revocations.map(({ bytes }) => bytes))
  }

  #apply({ changed, removed = [], revocations = [], records, relays }: Outcome<unknown>): void {
    const made = records ?? relays
    const number = changed[0]?.changed ?? removed[0]?.device.changed ?? revocations[0]?.changed ?? made?.number
    if (number === undefined) return
    const gone = removed.map(({ device: { id, accountId } }) => ({ id, account: accountId }))
    const rekeyed = changed.filter(({ id, channelKey }) => this.#hasOtherChannelKey(id, channelKey))
    this.#state = applyChange(this.#state, {
      number,
      devices: changed,
      ...(gone.length === 0 ? {} : { removed: gone.map(({ id }) => id) }),
      ...(records === undefined ? {} : { records: records.all }),
      ...(relays === undefined ? {} : { relays: relays.all }),
      revocations,
    })
    const touched = changed.map((device) => device.id)
    this.#feed.tell({
      kind: 'changed',
      state: this.#state,
      touched,
      removed: gone,
      hasNewRecords: records !== undefined,
      hasNewRelays: relays !== undefined,
    })
    if (revocations.length > 0) this.#noteRevoked(revocations)
    for (const { device, revocation } of removed) this.#disconnect(device.id, revocation && toBase64(revocation.bytes))
    for (const { id } of rekeyed) this.#onRekeyed(id)
  }

  #hasOtherChannelKey(id: NodeId, channelKey: PublicKey<'channel'>): boolean {
    const before = this.#state.devices.get(id)
    return before !== undefined && before.channelKey !== channelKey
  }
}

const notRegistered = (): Refusal =>
  new Refusal('not-registered', 'this device is not registered here: join with a link first')

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
