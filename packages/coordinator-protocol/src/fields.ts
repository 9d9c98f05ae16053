import {
  type Endpoint,
  familyOf,
  fromBase64,
  type IpAddress,
  type Prefix,
  parseEndpoint,
  parseIp,
  parsePrefix,
} from '@weft/base'
import { isTag, parseLinkEndpoint } from '@weft/identity'
import {
  type AccountId,
  KEY_ID_LENGTH,
  type MeshId,
  type NodeId,
  type PublicKey,
  parsePublicKey,
  type SigningRole,
} from '@weft/keys'
import * as z from 'zod'

/** The texts and numbers that messages are made of: each bounded, and in the one form that equals no other. */

/** A text that the parser gives back unchanged. */
function canonical<Text extends string>(maxLength: number, parse: (text: string) => Text | undefined, what: string) {
  return z.custom<Text>(
    (value) => typeof value === 'string' && value.length <= maxLength && parse(value) === value,
    `not ${what}`,
  )
}

function matching<Text extends string>(pattern: RegExp, what: string) {
  return z.custom<Text>((value) => typeof value === 'string' && pattern.test(value), `not ${what}`)
}

const KEY_ID = new RegExp(`^[0-9a-f]{${2 * KEY_ID_LENGTH}}$`)
const MAX_ADDRESS_TEXT = 64
const MAX_KEY_TEXT = 64

export const nodeId = matching<NodeId>(KEY_ID, 'a node id')
export const meshId = matching<MeshId>(KEY_ID, 'a mesh id')
export const accountId = matching<AccountId>(KEY_ID, 'an account id')

export function publicKey<Role extends SigningRole>(role: Role) {
  return canonical<PublicKey<Role>>(MAX_KEY_TEXT, (text) => parsePublicKey(role, text), `a public ${role} key`)
}

export const address4 = canonical<IpAddress>(
  MAX_ADDRESS_TEXT,
  (text) => onlyFamily4(parseIp(text)),
  'an IPv4 address in its usual form',
)
export const address6 = canonical<IpAddress>(
  MAX_ADDRESS_TEXT,
  (text) => {
    const address = parseIp(text)
    return address !== undefined && familyOf(address) === 6 ? address : undefined
  },
  'an IPv6 address in its usual form',
)
export const prefix4 = canonical<Prefix>(
  MAX_ADDRESS_TEXT,
  (text) => onlyFamily4(parsePrefix(text)),
  'an IPv4 prefix without host bits',
)
export const endpoint = canonical<Endpoint>(MAX_ADDRESS_TEXT, parseEndpoint, 'an address with a port')

/** As `parseLinkEndpoint` reads it. */
export const linkEndpoint = z.custom<string>(
  (value) => typeof value === 'string' && parseLinkEndpoint(value) !== undefined,
  'not an endpoint of a join link',
)

/** A DNS label: RFC 1035 §2.3.1. */
export const deviceName = matching<string>(/^(?!-)[a-z0-9-]{1,63}(?<!-)$/, 'a device name')
export const domain = matching<string>(/^(?=.{1,253}$)(?!-)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*(?<!-)$/, 'a domain')
/** Labels of DNS, and such as `_acme-challenge`, without the last dot. */
export const dnsName = matching<string>(
  /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9_](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/,
  'a name of DNS',
)
export const tag = z.custom<string>((value) => typeof value === 'string' && isTag(value), 'not a tag')
/** What is called by it is the coordinator's own matter. */
export const opaqueId = matching<string>(/^[0-9A-Za-z_-]{1,64}$/, 'an id')

/** What people read, on one line: no control characters, so that none reaches a terminal. */
export function line(maxLength: number) {
  return z
    .string()
    .max(maxLength)
    .regex(/^[^\p{Cc}\p{Zl}\p{Zp}]*$/u, 'not one line of text')
}

/** Canonical base64 of at most, or exactly, so many bytes. */
export function base64(bounds: { readonly minBytes: number; readonly maxBytes: number }) {
  const maxLength = Math.ceil(bounds.maxBytes / 3) * 4
  return z.custom<string>((value) => {
    if (typeof value !== 'string' || value.length > maxLength) return false
    const length = fromBase64(value)?.length
    return length !== undefined && length >= bounds.minBytes && length <= bounds.maxBytes
  }, 'not base64 of the right length')
}

export const count = z.int().min(0)

function onlyFamily4<Text extends IpAddress | Prefix>(text: Text | undefined): Text | undefined {
  return text !== undefined && familyOf(text) === 4 ? text : undefined
}
