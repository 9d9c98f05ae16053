import { type Endpoint, type IpAddress, type Prefix, prefixContains, toBase64 } from '@weft/base'
import {
  MAX_RELAYS,
  type NetmapPeer,
  type NetmapRecord,
  type NetmapRelay,
  netmapFault,
} from '@weft/coordinator-protocol'
import type { AccountId, MeshId, NodeId, PublicKey } from '@weft/keys'
import type {
  AccountRow,
  DeviceRow,
  EpochRow,
  LeaveOut,
  LeftOutRow,
  MeshRow,
  RecordRow,
  RevocationRow,
} from '@weft/storage'
import { toldEndpoints } from './published-endpoints.ts'

/** A device as the netmaps of others show it, and what decides who those others are. Never changed, only replaced. */
export interface DeviceState {
  readonly id: NodeId
  readonly account: AccountId
  readonly channelKey: PublicKey<'channel'>
  readonly address4: IpAddress
  readonly peer: NetmapPeer
  /** The mesh's number when the device itself was last told of its own name or address. */
  readonly selfChanged: number
  readonly row: DeviceRow
  /** The mesh's number at the last change of `peer`. */
  readonly changed: number
}

/**
 * A mesh at one number: a snapshot, never changed once it is made, so that whoever reads it sees one moment. A change
 * copies the table of devices but shares every device that it does not touch; telling it to all nodes costs more.
 */
export interface MeshState {
  readonly id: MeshId
  readonly rootKey: PublicKey<'root'>
  readonly range: Prefix
  readonly epoch: string
  /** The last number of each epoch before. */
  readonly epochEnds: ReadonlyMap<string, number>
  readonly number: number
  /** Whoever holds a netmap of a lower number is told the whole. */
  readonly wholeSince: number
  readonly accounts: ReadonlyMap<AccountId, AccountRow>
  readonly devices: ReadonlyMap<NodeId, DeviceState>
  readonly nodesByChannelKey: ReadonlyMap<PublicKey<'channel'>, NodeId>
  readonly relays: readonly NetmapRelay[]
  /** The mesh's own, in a fixed order. */
  readonly records: readonly NetmapRecord[]
  /** In the order in which they became known. */
  readonly revocations: readonly RevocationState[]
  /** What the start found in the database that nobody is told of. */
  readonly leftOut: readonly LeftOutRow[]
}

/** A revocation as netmaps tell it. */
export interface RevocationState extends RevocationRow {
  readonly text: string
}

/** What one transaction did to the mesh. */
export interface MeshChange {
  readonly number: number
  readonly devices: readonly DeviceRow[]
  readonly removed?: readonly NodeId[]
  /** All that there are then. */
  readonly records?: readonly RecordRow[]
  /** Those that are new. */
  readonly revocations?: readonly RevocationRow[]
  readonly relays?: readonly NetmapRelay[]
}

export function meshStateOf(
  mesh: MeshRow,
  accounts: readonly AccountRow[],
  devices: readonly DeviceRow[],
  more: {
    readonly relays?: readonly NetmapRelay[]
    readonly records?: readonly RecordRow[]
    readonly epochs?: readonly EpochRow[]
    readonly revocations?: readonly RevocationRow[]
    /** By whoever read the rows. */
    readonly leftOut?: readonly LeftOutRow[]
  } = {},
): MeshState {
  const { relays = [], records = [], epochs = [], revocations = [] } = more
  const leftOut = [...(more.leftOut ?? [])]
  const empty: MeshState = {
    id: mesh.id,
    rootKey: mesh.rootKey,
    range: mesh.addressRange,
    epoch: mesh.epoch,
    epochEnds: new Map(epochs.slice(0, -1).map(({ id }, place) => [id, (epochs[place + 1]?.first ?? 1) - 1])),
    number: mesh.number,
    wholeSince: mesh.wholeSince,
    accounts: new Map(accounts.map((account) => [account.id, account])),
    devices: new Map(),
    nodesByChannelKey: new Map(),
    relays: [],
    records: [],
    revocations: revocations.map(revocationStateOf),
    leftOut,
  }
  return applyChange(empty, { number: mesh.number, devices, relays, records }, (row) => leftOut.push(row))
}

/** What nodes would refuse does not get in: each that they do not understand would cost them the whole netmap. */
export function applyChange(state: MeshState, change: MeshChange, leaveOut: LeaveOut = () => undefined): MeshState {
  const devices = new Map(state.devices)
  const nodesByChannelKey = new Map(state.nodesByChannelKey)
  for (const row of change.devices) {
    const before = devices.get(row.id)
    const device = deviceStateOf(row, state.accounts, before)
    const reason = faultOf(device, state)
    if (reason !== undefined) {
      leaveOut({ table: 'devices', row: row.id, reason })
      continue
    }
    if (before !== undefined) nodesByChannelKey.delete(before.channelKey)
    nodesByChannelKey.set(row.channelKey, row.id)
    devices.set(row.id, device)
  }
  for (const id of change.removed ?? []) {
    const before = devices.get(id)
    if (before !== undefined) nodesByChannelKey.delete(before.channelKey)
    devices.delete(id)
  }
  const wholeSince = change.removed === undefined ? state.wholeSince : change.number
  const records = change.records?.filter((row) => isRecord(row, leaveOut)) ?? state.records
  const revocations = withNewRevocations(state.revocations, change.revocations ?? [])
  const relays = change.relays?.filter((relay) => isRelay(relay, leaveOut)).slice(0, MAX_RELAYS) ?? state.relays
  return { ...state, number: change.number, wholeSince, devices, nodesByChannelKey, records, relays, revocations }
}

function faultOf({ peer, address4 }: DeviceState, { range }: MeshState): string | undefined {
  const fault = netmapFault('peer', peer)
  if (fault !== undefined) return fault
  return prefixContains(range, address4) ? undefined : 'address4: not in the range of the mesh'
}

/** The schema of what nodes are told is narrower than the table. */
function isRecord(row: RecordRow, leaveOut: LeaveOut): row is NetmapRecord {
  const reason = netmapFault('record', row)
  if (reason !== undefined) leaveOut({ table: 'records', row: `${row.type} ${row.name}`, reason })
  return reason === undefined
}

function isRelay(relay: NetmapRelay, leaveOut: LeaveOut): boolean {
  const reason = netmapFault('relay', relay)
  if (reason !== undefined) leaveOut({ table: 'relays', row: relay.id, reason })
  return reason === undefined
}

/** What became known after a number. */
export function revocationsSince(state: MeshState, number: number): readonly RevocationState[] {
  return state.revocations.slice(state.revocations.findLastIndex(({ changed }) => changed <= number) + 1)
}

/** One takes the place of that of the same key by the same issuer. */
function withNewRevocations(
  before: readonly RevocationState[],
  added: readonly RevocationRow[],
): readonly RevocationState[] {
  if (added.length === 0) return before
  const isReplaced = ({ revoked, issuer }: RevocationState) =>
    added.some((each) => each.revoked === revoked && each.issuer === issuer)
  return [...before.filter((each) => !isReplaced(each)), ...added.map(revocationStateOf)]
}

const revocationStateOf = (row: RevocationRow): RevocationState => ({ ...row, text: toBase64(row.bytes) })

/** What a node holds: the moment of the mesh that its netmap shows. */
export interface Held {
  readonly epoch: string
  readonly number: number
}

/** Whether this database gave out what is held; if not, it is an older copy of the one that did. */
export function hasGivenOut(state: MeshState, { epoch, number }: Held): boolean {
  const last = epoch === state.epoch ? state.number : state.epochEnds.get(epoch)
  return last !== undefined && number <= last
}

function deviceStateOf(
  row: DeviceRow,
  accounts: ReadonlyMap<AccountId, AccountRow>,
  before: DeviceState | undefined,
): DeviceState {
  const isSelfSame = before?.peer.name === row.name && before.address4 === row.address4
  return {
    id: row.id,
    account: row.accountId,
    channelKey: row.channelKey,
    address4: row.address4,
    changed: row.changed,
    selfChanged: isSelfSame ? before.selfChanged : row.changed,
    row,
    peer: {
      id: row.id,
      name: row.name,
      owner: accounts.get(row.accountId)?.name ?? row.accountId,
      address4: row.address4,
      record: toBase64(row.record),
      chain: toBase64(row.chain),
      endpoints: [...toldEndpoints(row.endpoints, row.noted)] satisfies Endpoint[],
      online: row.online,
    },
  }
}
