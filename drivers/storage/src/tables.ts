import type { Endpoint, IpAddress, Prefix } from '@weft/base'
import type { AccountId, MeshId, NodeId, PublicKey } from '@weft/keys'

/**
 * The tables as kysely sees them; SQL has the names in snake case. Booleans are 0 or 1, times are seconds since 1970,
 * lists are JSON text: kinds of value that SQLite and PostgreSQL both have.
 */
export interface Tables {
  mesh: MeshTable
  epochs: EpochTable
  accounts: AccountTable
  devices: DeviceTable
  links: LinkTable
  linkUses: LinkUseTable
  records: RecordRow
  revocations: RevocationRow
  relays: RelayTable
}

interface MeshTable {
  one: 1
  id: MeshId
  rootKey: PublicKey<'root'>
  addressRange: Prefix
  epoch: string
  number: number
  wholeSince: number
  created: number
  copied: number | null
}

interface EpochTable {
  place: number
  id: string
  first: number
}

interface AccountTable {
  id: AccountId
  name: string
  certificate: Uint8Array
  created: number
}

export interface DeviceTable {
  id: NodeId
  accountId: AccountId
  identityKey: PublicKey<'identity'>
  nodeKey: PublicKey<'node'>
  channelKey: PublicKey<'channel'>
  record: Uint8Array
  chain: Uint8Array
  name: string
  address4: IpAddress
  endpoints: string
  noted: Endpoint | null
  online: number
  created: number
  changed: number
}

export interface LinkTable {
  id: string
  keyHash: string
  accountId: AccountId
  certificate: Uint8Array
  reusable: number
  tags: string
  printedAtStart: number
  created: number
  expires: number
  revoked: number | null
  uses: number
}

/** A DNS record of the mesh; its name is without the domain. */
export interface RecordRow {
  readonly name: string
  readonly type: 'A' | 'AAAA' | 'CNAME' | 'TXT'
  readonly value: string
}

/** A key that was revoked, by whom, and the signed bytes that say so. */
export interface RevocationRow {
  readonly revoked: PublicKey<'account'> | PublicKey<'link'> | PublicKey<'identity'>
  readonly issuer: PublicKey<'root'> | PublicKey<'account'>
  readonly bytes: Uint8Array
  readonly keptUntil: number
  /** The mesh's number when it became known. */
  readonly changed: number
}

export interface RelayTable {
  id: NodeId
  places: string
  stunPort: number | null
  added: number
}

interface LinkUseTable {
  linkId: string
  deviceId: NodeId
  used: number
}
