import type { Endpoint, IpAddress, Prefix } from '@weft/base'
import type { AccountId, MeshId, NodeId, PublicKey } from '@weft/keys'
import type { Selectable } from 'kysely'
import type { DeviceTable, LinkTable, RelayTable, Tables } from './tables.ts'

/** The one mesh of this database. Times in all rows are seconds since 1970. */
export interface MeshRow {
  readonly id: MeshId
  readonly rootKey: PublicKey<'root'>
  readonly addressRange: Prefix
  /** New with every start of the coordinator. */
  readonly epoch: string
  /** Of the last change of the mesh. */
  readonly number: number
  /** Whoever holds a netmap of a lower number is told the whole: changes since do not name who was removed. */
  readonly wholeSince: number
  readonly created: number
  /** The database is a copy that was made then, and its original went on for a while. */
  readonly copied: number | undefined
}

/** Numbers from `first` on, up to the next epoch's, were given in it. */
export interface EpochRow {
  readonly id: string
  readonly first: number
}

export interface AccountRow {
  readonly id: AccountId
  readonly name: string
  readonly certificate: Uint8Array
  readonly created: number
}

export interface DeviceRow {
  readonly id: NodeId
  readonly accountId: AccountId
  readonly identityKey: PublicKey<'identity'>
  readonly nodeKey: PublicKey<'node'>
  readonly channelKey: PublicKey<'channel'>
  readonly record: Uint8Array
  readonly chain: Uint8Array
  readonly name: string
  readonly address4: IpAddress
  /** As the device published them. */
  readonly endpoints: readonly Endpoint[]
  /** The one that the coordinator noted itself. */
  readonly noted: Endpoint | undefined
  readonly online: boolean
  readonly created: number
  /** The mesh's number at the last change of what peers see of the device. */
  readonly changed: number
}

export interface LinkRow {
  readonly id: string
  /** SHA-256 of the link's public key, in hexadecimal. */
  readonly keyHash: string
  readonly accountId: AccountId
  readonly certificate: Uint8Array
  readonly reusable: boolean
  readonly tags: readonly string[]
  readonly printedAtStart: boolean
  readonly created: number
  readonly expires: number
  readonly revoked: number | undefined
  readonly uses: number
}

/** A relay that runs elsewhere than beside the coordinator. */
export interface RelayRow {
  readonly id: NodeId
  /** Its URLs. */
  readonly places: readonly string[]
  /** UDP. */
  readonly stunPort: number | undefined
  readonly added: number
}

/** A row holds what nobody wrote into it: the disk did, or another program. */
export class RowError extends Error {
  override readonly name = 'RowError'
  readonly reason: string

  constructor(table: keyof Tables, reason: string) {
    super(`in table ${table}, ${reason}`)
    this.reason = reason
  }
}

/** A row that is not used, and stays where it is. */
export interface LeftOutRow {
  readonly table: keyof Tables
  /** By what it is known: an id, or a name. */
  readonly row: string
  readonly reason: string
}

export type LeaveOut = (row: LeftOutRow) => void

/** Those rows that can be read. */
export function readable<From extends object, Row>(
  table: keyof Tables,
  rows: readonly From[],
  read: (row: From) => Row,
  { of, leaveOut = () => undefined }: { readonly of: (row: From) => string; readonly leaveOut: LeaveOut | undefined },
): Row[] {
  return rows.flatMap((row) => {
    try {
      return [read(row)]
    } catch (error) {
      if (!(error instanceof RowError)) throw error
      leaveOut({ table, row: of(row), reason: error.reason })
      return []
    }
  })
}

/** @throws {RowError} where an integer is none that JavaScript has. */
export function inRange<Row extends object>(table: keyof Tables, row: Row): Row {
  for (const [column, value] of Object.entries(row))
    if (typeof value === 'bigint') throw new RowError(table, `${column} is out of range`)
  return row
}

function listIn<Item extends string>(table: keyof Tables, column: string, text: string): readonly Item[] {
  const list = parsed(text)
  if (Array.isArray(list) && list.every((item) => typeof item === 'string')) return list as string[] as Item[]
  throw new RowError(table, `${column} is no list of texts in JSON`)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export function relayOf(row: Selectable<RelayTable>): RelayRow {
  return {
    ...inRange('relays', row),
    places: listIn('relays', 'places', row.places),
    stunPort: row.stunPort ?? undefined,
  }
}

export function relayColumns(relay: RelayRow): Selectable<RelayTable> {
  return { ...relay, places: JSON.stringify(relay.places), stunPort: relay.stunPort ?? null }
}

export function deviceOf(row: Selectable<DeviceTable>): DeviceRow {
  return {
    ...inRange('devices', row),
    endpoints: listIn('devices', 'endpoints', row.endpoints),
    noted: row.noted ?? undefined,
    online: row.online === 1,
  }
}

export function deviceColumns(device: DeviceRow): Selectable<DeviceTable> {
  return {
    ...device,
    endpoints: JSON.stringify(device.endpoints),
    noted: device.noted ?? null,
    online: Number(device.online),
  }
}

export function linkOf(row: Selectable<LinkTable>): LinkRow {
  return {
    ...inRange('links', row),
    reusable: row.reusable === 1,
    tags: listIn('links', 'tags', row.tags),
    printedAtStart: row.printedAtStart === 1,
    revoked: row.revoked ?? undefined,
  }
}

export function linkColumns(link: LinkRow): Selectable<LinkTable> {
  return {
    ...link,
    reusable: Number(link.reusable),
    tags: JSON.stringify(link.tags),
    printedAtStart: Number(link.printedAtStart),
    revoked: link.revoked ?? null,
  }
}
