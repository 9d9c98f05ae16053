import { isLinkUrl, MAX_CHAIN_LENGTH, MAX_REVOCATION_LENGTH, MAX_REVOCATIONS, RECORD_LENGTH } from '@weft/identity'
import type { NodeId } from '@weft/keys'
import * as z from 'zod'
import {
  accountId,
  address4,
  address6,
  base64,
  count,
  deviceName,
  dnsName,
  domain,
  endpoint,
  line,
  meshId,
  nodeId,
  opaqueId,
  prefix4,
  publicKey,
} from './fields.ts'

/** What the coordinator tells a node. docs/protocols/channel.md */

/** Of one node; in a netmap and when it publishes them. */
export const MAX_ENDPOINTS = 32
/** Of a netmap, also one that grew by changes. */
export const MAX_PEERS = 65_536
/** Of one mesh. */
export const MAX_RELAYS = 16
/** Of the mesh's own names. */
export const MAX_RECORDS = 4096
/** Bytes, and so letters at most. */
export const MAX_TEXT_LENGTH = 255
const MAX_PLACES = 8
const MAX_PLACE_LENGTH = 255
const MAX_GRANTS = 4096
const MAX_PORT = 65_535
const MAX_OWNER_LENGTH = 128
const MAX_REASON_LENGTH = 256
/** The number of a netmap that the changes behind it complete: nothing of it counts before the last of them. */
export const INCOMPLETE = 0

export const recordText = base64({ minBytes: RECORD_LENGTH, maxBytes: RECORD_LENGTH })
export const chainText = base64({ minBytes: 1, maxBytes: MAX_CHAIN_LENGTH })
export const revocationText = base64({ minBytes: 1, maxBytes: MAX_REVOCATION_LENGTH })
export const endpoints = z.array(endpoint).max(MAX_ENDPOINTS).readonly()

const owner = line(MAX_OWNER_LENGTH)

const peerSchema = z
  .strictObject({
    id: nodeId,
    name: deviceName,
    /** The account's name. */
    owner,
    address4,
    record: recordText,
    chain: chainText,
    endpoints,
    online: z.boolean(),
  })
  .readonly()

const selfSchema = z.strictObject({ id: nodeId, name: deviceName, owner, address4 }).readonly()

const port = z.int().min(1).max(MAX_PORT)

/** Devices of the account may reach this node so. */
const grantSchema = z
  .strictObject({
    reason: line(MAX_REASON_LENGTH),
    account: accountId,
    protocol: z.enum(['any', 'tcp', 'udp', 'icmp']),
    /** Of the destination, both included; all where absent. */
    ports: z.exactOptional(z.strictObject({ first: port, last: port }).readonly()),
  })
  .refine(({ ports }) => ports === undefined || ports.first <= ports.last, 'ports end before they begin')
  .refine(({ ports, protocol }) => ports === undefined || protocol === 'tcp' || protocol === 'udp', 'ports of nothing')
  .readonly()

/** URLs of a relay, all of them to be tried. */
export const places = z
  .array(z.string().max(MAX_PLACE_LENGTH).refine(isLinkUrl, 'not a URL of a relay'))
  .min(1)
  .max(MAX_PLACES)
  .readonly()
export const stunPort = port

/** A relay of the mesh. */
const relaySchema = z
  .strictObject({
    id: nodeId,
    places,
    /** UDP; absent where it answers no STUN. */
    stunPort: z.exactOptional(stunPort),
  })
  .readonly()

/** A record that the mesh's owner added; its name is without the domain. */
export const recordSchema = z.discriminatedUnion('type', [
  z.strictObject({ name: dnsName, type: z.literal('A'), value: address4 }).readonly(),
  z.strictObject({ name: dnsName, type: z.literal('AAAA'), value: address6 }).readonly(),
  z.strictObject({ name: dnsName, type: z.literal('CNAME'), value: dnsName }).readonly(),
  z.strictObject({ name: dnsName, type: z.literal('TXT'), value: line(MAX_TEXT_LENGTH) }).readonly(),
])

const records = z.array(recordSchema).max(MAX_RECORDS).readonly()
const peers = z
  .array(peerSchema)
  .max(MAX_PEERS)
  .refine((list) => isEachOnce(list.map(({ id }) => id)), 'a peer is there twice')
  .readonly()
const grants = z.array(grantSchema).max(MAX_GRANTS).readonly()
const revocations = z.array(revocationText).max(MAX_REVOCATIONS).readonly()
const relays = z.array(relaySchema).max(MAX_RELAYS).readonly()

const meshSchema = z.strictObject({ id: meshId, rootKey: publicKey('root'), domain, range: prefix4 }).readonly()

export const netmapSchema = z
  .strictObject({
    type: z.literal('netmap'),
    /** New with every start of the coordinator. */
    epoch: opaqueId,
    number: count,
    mesh: meshSchema,
    self: selfSchema,
    peers,
    grants,
    relays: z.exactOptional(relays),
    records: z.exactOptional(records),
    /** All that count; absent in version 1, where nothing is known of them. */
    revocations: z.exactOptional(revocations),
  })
  .readonly()

export const changeSchema = z
  .strictObject({
    type: z.literal('change'),
    epoch: opaqueId,
    from: count,
    number: count,
    /** Of `number`, where it is another than that of `from`. */
    next: z.exactOptional(opaqueId),
    self: z.exactOptional(selfSchema),
    upsert: peers,
    remove: z.array(nodeId).max(MAX_PEERS).refine(isEachOnce, 'a node is there twice').readonly(),
    grants: z.exactOptional(grants),
    relays: z.exactOptional(relays),
    records: z.exactOptional(records),
    /** Those that are new. */
    revocations: z.exactOptional(revocations),
  })
  .refine(({ from, number }) => from <= number, 'a change leads backwards')
  .refine(({ upsert, remove }) => isEachOnce([...upsert.map(({ id }) => id), ...remove]), 'a peer is set and removed')
  .readonly()

export type NetmapPeer = z.infer<typeof peerSchema>
export type NetmapRecord = z.infer<typeof recordSchema>
export type NetmapRelay = z.infer<typeof relaySchema>
export type Grant = z.infer<typeof grantSchema>
export type Netmap = z.infer<typeof netmapSchema>
export type NetmapChange = z.infer<typeof changeSchema>

const parts = {
  mesh: meshSchema,
  owner,
  peer: peerSchema,
  relay: relaySchema,
  record: recordSchema,
  revocation: revocationText,
} as const

/** Why nodes would refuse a whole netmap because of that part of it; `undefined` where they would not. */
export function netmapFault(part: keyof typeof parts, value: unknown): string | undefined {
  const issue = parts[part].safeParse(value).error?.issues[0]
  return issue && [...issue.path, issue.message].join(': ')
}

/** The netmap that the change leads to, or `undefined` where it does not lead from this one: then subscribe anew. */
export function mergeNetmap(netmap: Netmap, change: NetmapChange): Netmap | undefined {
  if (change.epoch !== netmap.epoch || change.from !== netmap.number) return undefined
  const peers = mergedPeers(netmap.peers, change)
  if (peers.length > MAX_PEERS) return undefined
  const revocations = mergedRevocations(netmap.revocations, change.revocations)
  if ((revocations?.length ?? 0) > MAX_REVOCATIONS) return undefined
  return {
    ...netmap,
    epoch: change.next ?? netmap.epoch,
    number: change.number,
    self: change.self ?? netmap.self,
    peers,
    grants: change.grants ?? netmap.grants,
    ...(change.relays === undefined ? {} : { relays: change.relays }),
    ...(change.records === undefined ? {} : { records: change.records }),
    ...(revocations === undefined ? {} : { revocations }),
  }
}

/** Where it is not known what was revoked before, what is new does not make it known. */
function mergedRevocations(
  before: readonly string[] | undefined,
  added: readonly string[] | undefined,
): readonly string[] | undefined {
  return before === undefined || added === undefined ? before : [...new Set([...before, ...added])]
}

/** Where each peer of a list is: found by the list that was merged last, so that a change costs what it touches. */
const positions = new WeakMap<readonly NetmapPeer[], Map<NodeId, number>>()

function mergedPeers(before: readonly NetmapPeer[], { upsert, remove }: NetmapChange): readonly NetmapPeer[] {
  if (upsert.length === 0 && remove.length === 0) return before
  const gone = new Set(remove)
  const peers = remove.length === 0 ? before.slice() : before.filter(({ id }) => !gone.has(id))
  const known = remove.length === 0 ? positions.get(before) : undefined
  const placeOf = known ?? new Map(peers.map(({ id }, place) => [id, place]))
  // It is of the new list from here on.
  positions.delete(before)
  for (const peer of upsert) {
    const place = placeOf.get(peer.id) ?? peers.length
    peers[place] = peer
    placeOf.set(peer.id, place)
  }
  positions.set(peers, placeOf)
  return peers
}

function isEachOnce(ids: readonly NodeId[]): boolean {
  return new Set(ids).size === ids.length
}
