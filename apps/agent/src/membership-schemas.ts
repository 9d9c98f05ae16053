import { familyOf, fromBase64, parseIp, wallTime } from '@weft/base'
import { netmapSchema } from '@weft/coordinator-protocol'
import { nativeCrypto as crypto } from '@weft/crypto'
import {
  decodeChain,
  IdentityError,
  type LinkEndpoint,
  MAX_CHAIN_LENGTH,
  MAX_REVOCATION_LENGTH,
  MAX_REVOCATIONS,
  parseLinkEndpoint,
  RECORD_LENGTH,
  readCertificate,
  readRecord,
} from '@weft/identity'
import {
  KEM_SEED_LENGTH,
  type KeyRole,
  type MeshId,
  meshIdOf,
  type NodeId,
  nodeIdOf,
  PRIVATE_KEY_LENGTH,
  PrivateKey,
  parsePublicKey,
} from '@weft/keys'
import { MAX_KNOWN_PEERS, MAX_PINS, type Pin } from '@weft/node'
import { z } from 'zod'

/** What the files of a membership hold, by format version 1; unknown fields are refused. */
const id = <Id extends string>() =>
  z
    .string()
    .regex(/^[0-9a-f]{32}$/)
    .transform((text) => text as Id)

const name = z.string().min(1).max(255)

const bytes = (min: number, max = min) =>
  z
    .string()
    .max(Math.ceil(max / 3) * 4)
    .transform((text, context) => {
      const decoded = fromBase64(text)
      if (decoded !== undefined && decoded.length >= min && decoded.length <= max) return decoded
      context.addIssue(`base64 of ${min} to ${max} bytes is expected`)
      return z.NEVER
    })

const privateKey = <Role extends KeyRole>(role: Role) =>
  bytes(role === 'kem' ? KEM_SEED_LENGTH : PRIVATE_KEY_LENGTH).transform((decoded) => new PrivateKey(role, decoded))

const publicKey = <Role extends KeyRole>(role: Role) =>
  z.string().transform((text, context) => {
    const key = parsePublicKey(role, text)
    if (key !== undefined) return key
    context.addIssue(`a public ${role} key is expected`)
    return z.NEVER
  })

const linkEndpoint = z.string().transform((text, context): LinkEndpoint => {
  const endpoint = parseLinkEndpoint(text)
  if (endpoint !== undefined) return endpoint
  context.addIssue('an endpoint or a URL is expected')
  return z.NEVER
})

/** What a record names beside the identity, and a rotation replaces. */
const rotatingKeys = {
  node: privateKey('node'),
  channel: privateKey('channel'),
  probe: privateKey('probe'),
  kem: privateKey('kem'),
}

/** The sequence number of a record that the device joins with. */
export const FIRST_SEQUENCE = 1
const sequence = z.int().min(FIRST_SEQUENCE)

/** All of a node's private keys: the only file that holds any. */
export const keysSchema = z.strictObject({
  version: z.literal(1),
  /** Of the link that the keys were made to join with. */
  link: publicKey('link'),
  identity: privateKey('identity'),
  ...rotatingKeys,
  /** Of the keys' record. Absent before the first rotation. */
  sequence: sequence.default(FIRST_SEQUENCE),
  /** Made to take their place; the coordinator has not said that it knows. */
  next: z.exactOptional(z.strictObject({ sequence, ...rotatingKeys })),
  /** Those before, in milliseconds since 1970 until when. */
  former: z.exactOptional(
    z.strictObject({
      node: privateKey('node'),
      probe: privateKey('probe'),
      until: z
        .int()
        .min(0)
        .transform((at) => wallTime(at)),
    }),
  ),
})

export const membershipSchema = z
  .strictObject({
    version: z.literal(1),
    mesh: id<MeshId>(),
    id: id<NodeId>(),
    name,
    record: bytes(RECORD_LENGTH),
    chain: bytes(1, MAX_CHAIN_LENGTH),
    coordinatorKey: publicKey('coordinator'),
    endpoints: z.array(linkEndpoint).min(1).max(8),
  })
  .refine(belongTogether, 'record and certificates are not of this device in this mesh')

/** Whether they still hold now is the node's matter. */
function belongTogether(file: {
  readonly mesh: MeshId
  readonly id: NodeId
  readonly record: Uint8Array
  readonly chain: Uint8Array
}): boolean {
  try {
    const [account, , device] = decodeChain(file.chain).map((certificate) => readCertificate(certificate, crypto))
    return (
      account?.kind === 'account' &&
      device?.kind === 'device' &&
      meshIdOf(account.issuer, crypto) === file.mesh &&
      nodeIdOf(device.subject, crypto) === file.id &&
      readRecord(file.record, crypto).nodeId === file.id
    )
  } catch (error) {
    if (error instanceof IdentityError) return false
    throw error
  }
}

const moment = z
  .int()
  .min(0)
  .max(8.64e15)
  .transform((time) => wallTime(time))

/** The second version knows no names of peers: pins have taken their place. */
export const NETMAP_VERSION = 2

export const netmapFileSchema = z.strictObject({
  version: z.literal([1, NETMAP_VERSION]),
  netmap: netmapSchema,
  known: z
    .array(
      z.strictObject({
        id: id<NodeId>(),
        name: z.exactOptional(z.string().max(255)),
        sequence: z.int().min(1),
        digest: z.string().regex(/^[0-9a-f]{64}$/),
      }),
    )
    .max(MAX_KNOWN_PEERS),
})

const pins = (value: z.ZodType<string>): z.ZodType<readonly Pin[]> =>
  z.array(z.strictObject({ value, id: id<NodeId>(), seen: moment })).max(MAX_PINS)

const address4 = z.string().refine((text) => {
  const address = parseIp(text)
  return address === text && familyOf(address) === 4
}, 'an IPv4 address is expected')

/** Whose the names and addresses are that this node has seen. */
export const trustFileSchema = z.strictObject({ version: z.literal(1), names: pins(name), addresses: pins(address4) })

/** As they were signed; whether they hold is the node's matter. */
export const revocationsFileSchema = z.strictObject({
  version: z.literal(1),
  revocations: z.array(bytes(1, MAX_REVOCATION_LENGTH)).max(MAX_REVOCATIONS),
})

/** How far the timestamps of handshakes may have gone, in milliseconds since 1970. */
export const timestampFileSchema = z.strictObject({
  version: z.literal(1),
  latest: z
    .int()
    .min(0)
    .max(Number.MAX_SAFE_INTEGER)
    .transform((latest) => wallTime(latest)),
})

export const agentSchema = z.strictObject({
  version: z.literal(1),
  /** The UDP port that was got the last time; absent: the usual one. */
  port: z.int().min(1).max(65_535).optional(),
  /** Whether the mesh's interface is wanted: set by `up`, taken back by `down`. */
  up: z.boolean(),
})

export const textOfEndpoint = (endpoint: LinkEndpoint): string =>
  endpoint.kind === 'url' ? endpoint.url : endpoint.endpoint
