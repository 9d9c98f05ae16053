import { type IpAddress, invariant } from '@weft/base'
import type { AccountId, NodeId, PublicKey } from '@weft/keys'
import { sql, type Transaction } from 'kysely'
import {
  type AccountRow,
  type DeviceRow,
  deviceColumns,
  deviceOf,
  type EpochRow,
  inRange,
  type LeaveOut,
  type LinkRow,
  linkColumns,
  linkOf,
  type MeshRow,
  type RelayRow,
  readable,
  relayColumns,
  relayOf,
} from './rows.ts'
import { isFailure } from './storage-error.ts'
import type { RecordRow, RevocationRow, Tables } from './tables.ts'

/** What can be asked and done within one transaction. Reads see what was written before in the same one. */
export class StoreTransaction {
  readonly #sql: Transaction<Tables>

  constructor(sql: Transaction<Tables>) {
    this.#sql = sql
  }

  /** Undone where it throws, unless the database itself failed: then all of the transaction is. */
  async attempt<T>(work: (transaction: StoreTransaction) => Promise<T>): Promise<PromiseSettledResult<T>> {
    await sql`savepoint attempt`.execute(this.#sql)
    try {
      const value = await work(this)
      await sql`release attempt`.execute(this.#sql)
      return { status: 'fulfilled', value }
    } catch (reason) {
      if (isFailure(reason)) throw reason
      await sql`rollback to attempt`.execute(this.#sql)
      await sql`release attempt`.execute(this.#sql)
      return { status: 'rejected', reason }
    }
  }

  async mesh(): Promise<MeshRow | undefined> {
    const row = await this.#sql.selectFrom('mesh').selectAll().executeTakeFirst()
    if (row === undefined) return undefined
    const { one: _, ...mesh } = inRange('mesh', row)
    return { ...mesh, copied: mesh.copied ?? undefined }
  }

  async createMesh(mesh: MeshRow): Promise<void> {
    await this.#sql
      .insertInto('mesh')
      .values({ one: 1, ...mesh, copied: mesh.copied ?? null })
      .execute()
  }

  /** Numbers from the next one on are of this epoch; the oldest ones beyond `keep` are forgotten. */
  async beginEpoch(id: string, keep: number): Promise<void> {
    const row = await this.#sql.updateTable('mesh').set({ epoch: id }).returning('number').executeTakeFirst()
    invariant(row !== undefined, 'the database has its mesh')
    const last = await this.#sql
      .selectFrom('epochs')
      .select('place')
      .orderBy('place', 'desc')
      .limit(1)
      .executeTakeFirst()
    const place = (last?.place ?? 0) + 1
    await this.#sql
      .insertInto('epochs')
      .values({ place, id, first: row.number + 1 })
      .execute()
    await this.#sql
      .deleteFrom('epochs')
      .where('place', '<=', place - keep)
      .execute()
  }

  /** In the order in which they began. */
  async epochs(): Promise<EpochRow[]> {
    const rows = await this.#sql.selectFrom('epochs').selectAll().orderBy('place').execute()
    return rows.map((row) => inRange('epochs', row)).map(({ id, first }) => ({ id, first }))
  }

  /**
   * The database is a copy, made when what is in it now was all there was.
   * @param at now: what claims to have been made later is damaged, or of a clock that was wrong, and shows nothing.
   */
  async markCopied(at: number): Promise<number> {
    const known = await this.#newest(at)
    const copied = known ?? Math.min((await this.#newest(Number.MAX_SAFE_INTEGER)) ?? 0, at)
    await this.#sql.updateTable('mesh').set({ copied }).execute()
    return copied
  }

  /** Of devices and links: when the last was made, from 1970 until then. */
  async #newest(until: number): Promise<number | undefined> {
    const made: number[] = []
    for (const table of ['devices', 'links'] as const) {
      const newest = this.#sql.selectFrom(table).select('created').orderBy('created', 'desc').limit(1)
      const row = await newest.where('created', '>=', 0).where('created', '<=', until).executeTakeFirst()
      if (row !== undefined) made.push(row.created)
    }
    return made.length === 0 ? undefined : Math.max(...made)
  }

  /** The number of the change that this transaction makes. */
  async nextNumber(): Promise<number> {
    const row = await this.#sql
      .updateTable('mesh')
      .set((of) => ({ number: of('number', '+', 1) }))
      .returning('number')
      .executeTakeFirst()
    invariant(row !== undefined, 'the database has its mesh')
    return row.number
  }

  async accounts(): Promise<AccountRow[]> {
    const rows = await this.#sql.selectFrom('accounts').selectAll().orderBy('created').orderBy('id').execute()
    return rows.map((row) => inRange('accounts', row))
  }

  account(id: AccountId): Promise<AccountRow | undefined> {
    return this.#sql.selectFrom('accounts').selectAll().where('id', '=', id).executeTakeFirst()
  }

  async createAccount(account: AccountRow): Promise<void> {
    await this.#sql.insertInto('accounts').values(account).execute()
  }

  /** Those that can be read. */
  async devices(leaveOut?: LeaveOut): Promise<DeviceRow[]> {
    const rows = await this.#sql.selectFrom('devices').selectAll().orderBy('id').execute()
    return readable('devices', rows, deviceOf, { of: ({ id }) => id, leaveOut })
  }

  async device(id: NodeId): Promise<DeviceRow | undefined> {
    const row = await this.#sql.selectFrom('devices').selectAll().where('id', '=', id).executeTakeFirst()
    return row && deviceOf(row)
  }

  async deviceByChannelKey(key: PublicKey<'channel'>): Promise<DeviceRow | undefined> {
    const row = await this.#sql.selectFrom('devices').selectAll().where('channelKey', '=', key).executeTakeFirst()
    return row && deviceOf(row)
  }

  /** The devices, at most two, that use one of these keys. */
  async deviceIdsByKeys(node: PublicKey<'node'>, channel: PublicKey<'channel'>): Promise<NodeId[]> {
    const rows = await this.#sql
      .selectFrom('devices')
      .select('id')
      .where((or) => or.or([or('nodeKey', '=', node), or('channelKey', '=', channel)]))
      .execute()
    return rows.map((row) => row.id)
  }

  async addresses(): Promise<IpAddress[]> {
    return (await this.#all('address4')) as IpAddress[]
  }

  /** Of all devices. */
  names(): Promise<string[]> {
    return this.#all('name')
  }

  async createDevice(device: DeviceRow): Promise<void> {
    await this.#sql.insertInto('devices').values(deviceColumns(device)).execute()
  }

  async updateDevice(device: DeviceRow): Promise<void> {
    const { id, ...columns } = deviceColumns(device)
    await this.#sql.updateTable('devices').set(columns).where('id', '=', id).execute()
  }

  /** Whether the device is online, and the number of that change. */
  async setOnline(id: NodeId, online: boolean, changed: number): Promise<void> {
    await this.#sql
      .updateTable('devices')
      .set({ online: Number(online), changed })
      .where('id', '=', id)
      .execute()
  }

  /** Marks the devices that are online as offline, all with one number, and tells how many they were. */
  async setAllOffline(changed: number): Promise<number> {
    const { numUpdatedRows } = await this.#sql
      .updateTable('devices')
      .set({ online: 0, changed })
      .where('online', '=', 1)
      .executeTakeFirst()
    return Number(numUpdatedRows)
  }

  /** The device, and what there is of it. `number`: of this change. */
  async removeDevice(id: NodeId, number: number): Promise<void> {
    await this.#sql.deleteFrom('devices').where('id', '=', id).execute()
    await this.#sql.updateTable('mesh').set({ wholeSince: number }).execute()
  }

  /** In a fixed order. */
  records(): Promise<RecordRow[]> {
    return this.#sql.selectFrom('records').selectAll().orderBy('name').orderBy('type').orderBy('value').execute()
  }

  async createRecord(record: RecordRow): Promise<void> {
    await this.#sql.insertInto('records').values(record).execute()
  }

  async removeRecord({ name, type, value }: RecordRow): Promise<void> {
    await this.#sql
      .deleteFrom('records')
      .where('name', '=', name)
      .where('type', '=', type)
      .where('value', '=', value)
      .execute()
  }

  /** In the order in which they became known. */
  async revocations(): Promise<RevocationRow[]> {
    const rows = await this.#sql.selectFrom('revocations').selectAll().orderBy('changed').orderBy('revoked').execute()
    return rows.map((row) => inRange('revocations', row))
  }

  /** Of any of these keys, whoever signed. */
  revocationsOf(keys: readonly RevocationRow['revoked'][]): Promise<RevocationRow[]> {
    return this.#sql.selectFrom('revocations').selectAll().where('revoked', 'in', keys).execute()
  }

  async countRevocations(): Promise<number> {
    const row = await this.#sql
      .selectFrom('revocations')
      .select((of) => of.fn.countAll().as('count'))
      .executeTakeFirst()
    return Number(row?.count ?? 0)
  }

  /** In place of one of the same key by the same issuer. */
  async putRevocation(revocation: RevocationRow): Promise<void> {
    const { bytes, keptUntil, changed } = revocation
    await this.#sql
      .insertInto('revocations')
      .values(revocation)
      .onConflict((on) => on.columns(['revoked', 'issuer']).doUpdateSet({ bytes, keptUntil, changed }))
      .execute()
  }

  /** Those that nobody must know any more at that moment. */
  async removeRevocations(keptBefore: number): Promise<void> {
    await this.#sql.deleteFrom('revocations').where('keptUntil', '<', keptBefore).execute()
  }

  /** Those that can be read, the oldest first. */
  async relays(leaveOut?: LeaveOut): Promise<RelayRow[]> {
    const rows = await this.#sql.selectFrom('relays').selectAll().orderBy('added').orderBy('id').execute()
    return readable('relays', rows, relayOf, { of: ({ id }) => id, leaveOut })
  }

  /** In place of what was known of it. */
  async putRelay(relay: RelayRow): Promise<void> {
    const { id, ...columns } = relayColumns(relay)
    await this.#sql
      .insertInto('relays')
      .values({ id, ...columns })
      .onConflict((of) => of.column('id').doUpdateSet(columns))
      .execute()
  }

  async removeRelay(id: NodeId): Promise<void> {
    await this.#sql.deleteFrom('relays').where('id', '=', id).execute()
  }

  async link(id: string): Promise<LinkRow | undefined> {
    const row = await this.#sql.selectFrom('links').selectAll().where('id', '=', id).executeTakeFirst()
    return row && linkOf(row)
  }

  async linkByKeyHash(keyHash: string): Promise<LinkRow | undefined> {
    const row = await this.#sql.selectFrom('links').selectAll().where('keyHash', '=', keyHash).executeTakeFirst()
    return row && linkOf(row)
  }

  /** Those of the account's that can be read, newest first. */
  async linksOf(account: AccountId, leaveOut?: LeaveOut): Promise<LinkRow[]> {
    const rows = await this.#sql
      .selectFrom('links')
      .selectAll()
      .where('accountId', '=', account)
      .orderBy('created', 'desc')
      .orderBy('id')
      .execute()
    return readable('links', rows, linkOf, { of: ({ id }) => id, leaveOut })
  }

  async createLink(link: LinkRow): Promise<void> {
    await this.#sql.insertInto('links').values(linkColumns(link)).execute()
  }

  async revokeLink(id: string, at: number): Promise<void> {
    await this.#sql.updateTable('links').set({ revoked: at }).where('id', '=', id).execute()
  }

  /**
   * Removes the account's links that let nobody in, and expired before that moment. One that was revoked stays until then: its
   * certificate could be handed in again.
   */
  async removeUnusedLinks(account: AccountId, before: number): Promise<void> {
    await this.#sql
      .deleteFrom('links')
      .where('accountId', '=', account)
      .where('uses', '=', 0)
      .where('expires', '<', before)
      .execute()
  }

  /** How often links let a device in, those included that are gone since. */
  async joins(): Promise<number> {
    const row = await this.#sql
      .selectFrom('links')
      .select(({ fn }) => fn.sum('uses').as('all'))
      .executeTakeFirst()
    return Number(row?.all ?? 0)
  }

  async hasUsedLink(link: string, device: NodeId): Promise<boolean> {
    const row = await this.#sql
      .selectFrom('linkUses')
      .select('used')
      .where('linkId', '=', link)
      .where('deviceId', '=', device)
      .executeTakeFirst()
    return row !== undefined
  }

  /** Counts the use. The schema itself refuses a second one of a link that is not reusable. */
  async useLink(link: string, device: NodeId, at: number): Promise<void> {
    await this.#sql
      .updateTable('links')
      .set((of) => ({ uses: of('uses', '+', 1) }))
      .where('id', '=', link)
      .execute()
    await this.#sql.insertInto('linkUses').values({ linkId: link, deviceId: device, used: at }).execute()
  }

  /** Of all devices, in one row: a join looks at them. There is no space in any. */
  async #all(column: 'name' | 'address4'): Promise<string[]> {
    const row = await this.#sql
      .selectFrom('devices')
      .select(({ fn }) => fn.agg<string | null>('string_agg', [column, sql.lit(' ')]).as('all'))
      .executeTakeFirst()
    return row?.all?.split(' ') ?? []
  }
}
