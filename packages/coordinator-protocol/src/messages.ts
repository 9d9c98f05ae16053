import { MAX_CERTIFICATE_LENGTH } from '@weft/identity'
import * as z from 'zod'
import {
  accountId,
  address4,
  base64,
  count,
  deviceName,
  domain,
  line,
  linkEndpoint,
  meshId,
  nodeId,
  opaqueId,
  publicKey,
  tag,
} from './fields.ts'
import {
  chainText,
  changeSchema,
  endpoints,
  MAX_RECORDS,
  MAX_RELAYS,
  netmapSchema,
  places,
  recordSchema,
  recordText,
  revocationText,
  stunPort,
} from './netmap.ts'
import { withProofs } from './peer-proofs.ts'

/** What node and coordinator say to each other through the channel. Unknown fields are refused. docs/protocols/channel.md */

const MAX_HOST_NAME_LENGTH = 255
const MAX_LINK_LENGTH = 8192
const MAX_LINKS = 50_000
const MAX_LINK_ENDPOINTS = 8
const MAX_TAGS = 16
const MAX_ERROR_LENGTH = 1024
/** Those of the greatest length fit into one message to the coordinator. */
export const MAX_REVOCATIONS_AT_ONCE = 50
const MAX_MOMENT_LENGTH = 32
/** Seconds: ten years. */
const MAX_LINK_LIFE = 315_360_000

const certificateText = base64({ minBytes: 1, maxBytes: MAX_CERTIFICATE_LENGTH })
const tags = z.array(tag).max(MAX_TAGS).readonly()
/** In UTC: `2026-11-23T21:05:00Z`. */
const moment = z.iso.datetime().max(MAX_MOMENT_LENGTH)
const nothing = z.strictObject({}).readonly()

const linkSummary = z
  .strictObject({
    id: opaqueId,
    expires: moment,
    reusable: z.boolean(),
    /** Devices that it let in. */
    uses: count,
    state: z.enum(['open', 'used', 'expired', 'revoked']),
    tags,
  })
  .readonly()

/** A relay elsewhere, and how the coordinator stands with it. */
const relaySummary = z
  .strictObject({
    id: nodeId,
    places,
    stunPort: z.exactOptional(stunPort),
    state: z.enum(['connected', 'away']),
    rttMs: z.exactOptional(z.number().min(0)),
    /** For people: why it is away. */
    reason: z.exactOptional(line(MAX_ERROR_LENGTH)),
  })
  .readonly()

/** As somebody typed it; what it means the coordinator decides. */
const wantedName = line(MAX_HOST_NAME_LENGTH).min(1)
const recordType = z.enum(['A', 'AAAA', 'CNAME', 'TXT'])

/** What can be asked for, and how it is answered. */
const methods = {
  'open-link': {
    params: z.strictObject({ linkKey: publicKey('link') }).readonly(),
    /** The certificates of account and link. */
    result: z.strictObject({ account: certificateText, link: certificateText }).readonly(),
  },
  join: {
    params: z
      .strictObject({ record: recordText, certificate: certificateText, hostName: line(MAX_HOST_NAME_LENGTH) })
      .readonly(),
    result: z.strictObject({ chain: chainText, name: deviceName, address4, id: nodeId }).readonly(),
  },
  subscribe: {
    /** Epoch and number of what is held, if anything is. */
    params: z
      .strictObject({ node: nodeId, epoch: z.exactOptional(opaqueId), number: z.exactOptional(count) })
      .refine(({ epoch, number }) => (epoch === undefined) === (number === undefined), 'epoch and number go together')
      .readonly(),
    result: nothing,
  },
  /** To a coordinator whose database is an older copy. */
  'bring-back': {
    /** What the device is, and what it was told of itself. */
    params: z
      .strictObject({
        record: recordText,
        chain: chainText,
        name: deviceName,
        address4,
      })
      .readonly(),
    result: nothing,
  },
  publish: {
    params: z.strictObject({ endpoints, record: z.exactOptional(recordText) }).readonly(),
    result: nothing,
  },
  'link-create': {
    params: z
      .strictObject({ reusable: z.boolean(), expiresSeconds: z.int().min(1).max(MAX_LINK_LIFE), tags })
      .readonly(),
    result: z
      .strictObject({
        id: opaqueId,
        link: z.string().startsWith('weft://').max(MAX_LINK_LENGTH),
        expires: moment,
        reusable: z.boolean(),
      })
      .readonly(),
  },
  /** For whom, and where to, a link would lead that is made elsewhere than at the coordinator. */
  'link-place': {
    params: nothing,
    result: z
      .strictObject({
        account: accountId,
        coordinatorKey: publicKey('coordinator'),
        endpoints: z.array(linkEndpoint).min(1).max(MAX_LINK_ENDPOINTS).readonly(),
      })
      .readonly(),
  },
  /** The certificate of such a link. */
  'link-deposit': {
    params: z.strictObject({ certificate: certificateText, reusable: z.boolean() }).readonly(),
    result: z.strictObject({ id: opaqueId, expires: moment, reusable: z.boolean() }).readonly(),
  },
  'link-list': {
    params: nothing,
    result: z.strictObject({ links: z.array(linkSummary).max(MAX_LINKS).readonly() }).readonly(),
  },
  'link-revoke': {
    params: z.strictObject({ id: opaqueId }).readonly(),
    result: nothing,
  },
  /** Of a device of one's own account, told by name, address or id. */
  rename: {
    params: z.strictObject({ device: wantedName, name: wantedName }).readonly(),
    result: z.strictObject({ id: nodeId, name: deviceName, before: deviceName }).readonly(),
  },
  remove: {
    params: z.strictObject({ device: wantedName }).readonly(),
    /** `revoked`: whether it was signed that it is one of the mesh no more. Since version 3. */
    result: z.strictObject({ id: nodeId, name: deviceName, revoked: z.exactOptional(z.boolean()) }).readonly(),
  },
  /** Signed elsewhere: whoever brings it needs no right of its own. Since version 2. */
  revoke: {
    params: z
      .strictObject({ revocations: z.array(revocationText).min(1).max(MAX_REVOCATIONS_AT_ONCE).readonly() })
      .readonly(),
    result: nothing,
  },
  'name-add': {
    params: z.strictObject({ name: wantedName, type: recordType, value: wantedName }).readonly(),
    result: z.strictObject({ record: recordSchema }).readonly(),
  },
  'name-list': {
    params: nothing,
    result: z.strictObject({ domain, records: z.array(recordSchema).max(MAX_RECORDS).readonly() }).readonly(),
  },
  'name-remove': {
    params: z
      .strictObject({ name: wantedName, type: z.exactOptional(recordType), value: z.exactOptional(wantedName) })
      .readonly(),
    /** Those that were removed. */
    result: z.strictObject({ records: z.array(recordSchema).max(MAX_RECORDS).readonly() }).readonly(),
  },
  /** The coordinator visits it at each of the places first. */
  'relay-add': {
    params: z.strictObject({ places }).readonly(),
    result: z.strictObject({ relay: relaySummary }).readonly(),
  },
  /** With what a new relay elsewhere needs to know. */
  'relay-list': {
    params: nothing,
    result: z
      .strictObject({
        mesh: meshId,
        coordinatorKey: publicKey('coordinator'),
        relays: z.array(relaySummary).max(MAX_RELAYS).readonly(),
      })
      .readonly(),
  },
  'relay-remove': {
    params: z.strictObject({ relay: wantedName }).readonly(),
    result: z.strictObject({ id: nodeId, places }).readonly(),
  },
} as const

export type Method = keyof typeof methods
export type Params<M extends Method> = z.infer<(typeof methods)[M]['params']>
export type Result<M extends Method> = z.infer<(typeof methods)[M]['result']>
export type LinkSummary = z.infer<typeof linkSummary>
export type RelaySummary = z.infer<typeof relaySummary>

const errorCode = z.enum([
  'link-unknown',
  'link-used',
  'link-expired',
  'link-revoked',
  'addresses-exhausted',
  /** No registered device's record holds the channel's key. */
  'not-registered',
  /** What the device holds is newer than the database, which is an older copy. */
  'database-older',
  'record-refused',
  'certificate-refused',
  'not-allowed',
  'not-found',
  /** It is no name, or could be taken for another. */
  'name-refused',
  'name-taken',
  /** No relay of the mesh answers there. */
  'relay-refused',
  'bad-request',
  'busy',
  /** The coordinator's own fault. */
  'failed',
])

export type ErrorCode = z.infer<typeof errorCode>

const requestOf = <M extends Method>(method: M) =>
  z
    .strictObject({
      type: z.literal('request'),
      id: count,
      method: z.literal(method),
      params: methods[method].params,
    })
    .readonly()

export const requestSchema = z.discriminatedUnion('method', [
  requestOf('open-link'),
  requestOf('join'),
  requestOf('subscribe'),
  requestOf('bring-back'),
  requestOf('publish'),
  requestOf('link-create'),
  requestOf('link-place'),
  requestOf('link-deposit'),
  requestOf('link-list'),
  requestOf('link-revoke'),
  requestOf('rename'),
  requestOf('remove'),
  requestOf('revoke'),
  requestOf('name-add'),
  requestOf('name-list'),
  requestOf('name-remove'),
  requestOf('relay-add'),
  requestOf('relay-list'),
  requestOf('relay-remove'),
])

/** A request; `Request<'join'>` that of one method. */
export type Request<M extends Method = Method> = Extract<z.infer<typeof requestSchema>, { readonly method: M }>

const errorSchema = z
  .strictObject({
    code: errorCode,
    /** For people: what, why, what to do. */
    message: line(MAX_ERROR_LENGTH),
  })
  .readonly()

export type AnswerError = z.infer<typeof errorSchema>

/** The result is looked into by `parseResult`, for only who asked knows by what method. */
export const answerSchema = z.union([
  z.strictObject({ type: z.literal('answer'), id: count, result: z.record(z.string(), z.unknown()) }).readonly(),
  z.strictObject({ type: z.literal('answer'), id: count, error: errorSchema }).readonly(),
])

/** An answer to be sent; `Answer<'join'>` one to that method. */
export type Answer<M extends Method = Method> =
  | { readonly type: 'answer'; readonly id: number; readonly result: Result<M> }
  | { readonly type: 'answer'; readonly id: number; readonly error: AnswerError }

/** To a device that is one of the mesh no more, before its channel is closed, and when it comes again. Since version 2. */
const removedSchema = z.strictObject({ type: z.literal('removed'), revocation: revocationText }).readonly()

const ping = z.strictObject({ type: z.literal('ping') }).readonly()
const pong = z.strictObject({ type: z.literal('pong') }).readonly()

/** By `type`: so nothing is tried as what it does not say it is. */
const fromNode = { request: requestSchema, ping } as const
const fromCoordinator = {
  netmap: netmapSchema,
  change: changeSchema,
  answer: answerSchema,
  removed: removedSchema,
  pong,
} as const

type OneOf<Schemas extends Readonly<Record<string, z.ZodType>>> = z.infer<Schemas[keyof Schemas]>
export type FromNode = OneOf<typeof fromNode>
export type FromCoordinator = OneOf<typeof fromCoordinator>

/** The message, or `undefined` where the text is none. */
export const readFromNode = (text: string): FromNode | undefined => read(fromNode, parseJson(text))
/** @param bytes what stood behind the text. */
export function readFromCoordinator(text: string, bytes?: Uint8Array): FromCoordinator | undefined {
  const json = parseJson(text)
  return read(fromCoordinator, bytes === undefined ? json : withProofs(json, bytes))
}

/** The result, or `undefined` where it is none of the method. */
export function parseResult<M extends Method>(method: M, result: unknown): Result<M> | undefined {
  const parsed = methods[method].result.safeParse(result)
  return parsed.success ? (parsed.data as Result<M>) : undefined
}

/** The number of a request that is none otherwise, so that it can be answered with `bad-request`. */
export function requestIdOf(text: string): number | undefined {
  const parsed = z.object({ type: z.literal('request'), id: count }).safeParse(parseJson(text))
  return parsed.success ? parsed.data.id : undefined
}

function read<Schemas extends Readonly<Record<string, z.ZodType>>>(
  schemas: Schemas,
  json: unknown,
): OneOf<Schemas> | undefined {
  if (typeof json !== 'object' || json === null || !('type' in json)) return undefined
  const { type } = json
  if (typeof type !== 'string' || !Object.hasOwn(schemas, type)) return undefined
  const parsed = schemas[type]?.safeParse(json)
  return parsed?.success ? (parsed.data as OneOf<Schemas>) : undefined
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
