import type { Endpoint, IpAddress, Prefix } from '@weft/base'
import type { AccountId, MeshId, NodeId, PublicKey } from '@weft/keys'
import type { Selectable } from 'kysely'
import type { DeviceTable, LinkTable, RelayTable } from './tables.ts'

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

export function relayOf(row: Selectable<RelayTable>): RelayRow {
  return { ...row, places: JSON.parse(row.places), stunPort: row.stunPort ?? undefined }
}

export function relayColumns(relay: RelayRow): Selectable<RelayTable> {
  return { ...relay, places: JSON.stringify(relay.places), stunPort: relay.stunPort ?? null }
}

export function deviceOf(row: Selectable<DeviceTable>): DeviceRow {
  return { ...row, endpoints: JSON.parse(row.endpoints), noted: row.noted ?? undefined, online: row.online === 1 }
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
    ...row,
    reusable: row.reusable === 1,
    tags: JSON.parse(row.tags),
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
