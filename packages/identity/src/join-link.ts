import {
  assertNever,
  concatBytes,
  type Endpoint,
  endpointOf,
  endpointParts,
  equalBytes,
  familyOf,
  fromBase64Url,
  fromHex,
  invariant,
  ipBytes,
  ipFromBytes,
  parseEndpoint,
  textOf,
  toBase64Url,
  toHex,
  utf8,
  viewOf,
} from '@weft/base'
import {
  type CryptoProvider,
  KEY_ID_LENGTH,
  type MeshId,
  PRIVATE_KEY_LENGTH,
  PrivateKey,
  PUBLIC_KEY_LENGTH,
  type PublicKey,
  publicKeyBytes,
  publicKeyFromBytes,
} from '@weft/keys'
import { IdentityError } from './identity-error.ts'

/**
 * What lets a device in: `weft://` and the unpadded base64url of the following. docs/protocols/links.md
 *
 *     0   format: 1                   49   seed of the link's one-time key
 *     1   the mesh's fingerprint      81   number of endpoints, 1 to 8
 *     17  the coordinator's key       82   endpoints; then 4 bytes of checksum
 *
 * Trailing bytes are refused. Whoever has the text can join: it is as secret as a password.
 */
export interface JoinLink {
  readonly mesh: MeshId
  readonly coordinatorKey: PublicKey<'coordinator'>
  readonly seed: PrivateKey<'link'>
  readonly endpoints: readonly LinkEndpoint[]
}

/** Where the coordinator may be reached: it is known by its key, so a wrong one does no harm. */
export type LinkEndpoint =
  | { readonly kind: 'endpoint'; readonly endpoint: Endpoint }
  /** `http://` or `https://`, ASCII, at most 255 characters, without user, password and fragment. */
  | { readonly kind: 'url'; readonly url: string }

const SCHEME = 'weft://'
const FORMAT = 1
const KEY_AT = 1 + KEY_ID_LENGTH
const SEED_AT = KEY_AT + PUBLIC_KEY_LENGTH
const COUNT_AT = SEED_AT + PRIVATE_KEY_LENGTH
const ENDPOINTS_AT = COUNT_AT + 1
const CHECKSUM_LENGTH = 4
const MAX_ENDPOINTS = 8
const MAX_URL_LENGTH = 255
/** Longer than any link of this format (2,864 characters), with room for formats to come. */
const MAX_TEXT_LENGTH = 8192
const TAG_IPV4 = 4
const TAG_IPV6 = 6
const TAG_URL = 7
const PORT_LENGTH = 2

/** Whether a link can carry the URL. */
export function isLinkUrl(text: string): boolean {
  if (!/^https?:\/\/[\x21-\x7e]+$/.test(text) || text.length > MAX_URL_LENGTH || !URL.canParse(text)) return false
  const url = new URL(text)
  return url.username === '' && url.password === '' && !text.includes('#')
}

/** `192.0.2.1:7480`, `[2001:db8::1]:7480`, or an `http(s)://` URL that a link can carry. */
export function parseLinkEndpoint(text: string): LinkEndpoint | undefined {
  const endpoint = parseEndpoint(text)
  if (endpoint !== undefined) return { kind: 'endpoint', endpoint }
  return isLinkUrl(text) ? { kind: 'url', url: text } : undefined
}

export function encodeLink(link: JoinLink, crypto: CryptoProvider): string {
  const count = link.endpoints.length
  invariant(count >= 1 && count <= MAX_ENDPOINTS, 'a join link has 1 to 8 endpoints')
  const mesh = fromHex(link.mesh)
  invariant(mesh?.length === KEY_ID_LENGTH, 'a mesh id is 32 hexadecimal digits')
  const content = concatBytes(
    Uint8Array.of(FORMAT),
    mesh,
    publicKeyBytes(link.coordinatorKey),
    link.seed.expose(),
    Uint8Array.of(count),
    ...link.endpoints.map(encodeEndpoint),
  )
  return SCHEME + toBase64Url(concatBytes(content, checksum(content, crypto)))
}

/** White space around the link is ignored. Throws `IdentityError` `link-malformed`, `link-mistyped` or `link-newer`. */
export function readLink(text: string, crypto: CryptoProvider): JoinLink {
  const content = readContent(text.trim(), crypto)
  const format = content[0] ?? 0
  if (format > FORMAT) {
    throw new IdentityError(
      'link-newer',
      `this join link is of format ${format}, and this weft knows ${FORMAT}: update weft on this machine`,
    )
  }
  if (format < FORMAT || content.length < ENDPOINTS_AT) throw malformed('it is not complete')
  return {
    mesh: toHex(content.subarray(1, KEY_AT)) as MeshId,
    coordinatorKey: publicKeyFromBytes('coordinator', content.subarray(KEY_AT, SEED_AT)),
    seed: new PrivateKey('link', content.subarray(SEED_AT, COUNT_AT)),
    endpoints: readEndpoints(content.subarray(ENDPOINTS_AT), content[COUNT_AT] ?? 0),
  }
}

function readContent(text: string, crypto: CryptoProvider): Uint8Array {
  if (!text.startsWith(SCHEME)) {
    throw new IdentityError(
      'link-malformed',
      `this is no join link: one begins with ${SCHEME}; make one with weft link create, and copy all of it`,
    )
  }
  const bytes = text.length <= MAX_TEXT_LENGTH ? fromBase64Url(text.slice(SCHEME.length)) : undefined
  const end = (bytes?.length ?? 0) - CHECKSUM_LENGTH
  if (bytes === undefined || end < 1) throw mistyped('it has characters too many or too few')
  const content = bytes.subarray(0, end)
  if (!equalBytes(checksum(content, crypto), bytes.subarray(end))) throw mistyped('its checksum does not hold')
  return content
}

const checksum = (content: Uint8Array, crypto: CryptoProvider): Uint8Array =>
  crypto.sha256(content).subarray(0, CHECKSUM_LENGTH)

function encodeEndpoint(endpoint: LinkEndpoint): Uint8Array {
  switch (endpoint.kind) {
    case 'endpoint': {
      const { address, port } = endpointParts(endpoint.endpoint)
      const tag = familyOf(address) === 4 ? TAG_IPV4 : TAG_IPV6
      return concatBytes(Uint8Array.of(tag), ipBytes(address), Uint8Array.of(port >> 8, port & 0xff))
    }
    case 'url':
      invariant(isLinkUrl(endpoint.url), 'a link carries the URL')
      return concatBytes(Uint8Array.of(TAG_URL, endpoint.url.length), utf8(endpoint.url))
    default:
      return assertNever(endpoint)
  }
}

function readEndpoints(bytes: Uint8Array, count: number): readonly LinkEndpoint[] {
  if (count < 1 || count > MAX_ENDPOINTS) throw malformed(`it has ${count} endpoints instead of 1 to ${MAX_ENDPOINTS}`)
  const endpoints: LinkEndpoint[] = []
  let rest = bytes
  while (endpoints.length < count) {
    const length = endpointLength(rest)
    if (length > rest.length) throw malformed('an endpoint in it is cut off')
    endpoints.push(readEndpoint(rest.subarray(0, length)))
    rest = rest.subarray(length)
  }
  if (rest.length > 0) throw malformed('something follows behind its endpoints')
  return endpoints
}

/** Of the first endpoint in the bytes, its first byte included. */
function endpointLength(bytes: Uint8Array): number {
  switch (bytes[0]) {
    case TAG_IPV4:
      return 1 + 4 + PORT_LENGTH
    case TAG_IPV6:
      return 1 + 16 + PORT_LENGTH
    case TAG_URL:
      return 2 + (bytes[1] ?? 0)
    default:
      throw malformed(bytes.length === 0 ? 'an endpoint is missing' : `an endpoint in it is of kind ${bytes[0]}`)
  }
}

function readEndpoint(bytes: Uint8Array): LinkEndpoint {
  if (bytes[0] === TAG_URL) {
    const url = textOf(bytes.subarray(2))
    if (url === undefined || !isLinkUrl(url)) throw malformed('a URL in it is none')
    return { kind: 'url', url }
  }
  const portAt = bytes.length - PORT_LENGTH
  const address = ipFromBytes(bytes.subarray(1, portAt))
  const port = viewOf(bytes).getUint16(portAt)
  if (port === 0 || familyOf(address) !== bytes[0]) throw malformed('an endpoint in it is none')
  return { kind: 'endpoint', endpoint: endpointOf(address, port) }
}

function malformed(why: string): IdentityError {
  return new IdentityError('link-malformed', `this join link cannot be used: ${why}; make a new one: weft link create`)
}

function mistyped(why: string): IdentityError {
  return new IdentityError('link-mistyped', `this join link is damaged: ${why}; copy it again in full`)
}
