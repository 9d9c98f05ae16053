/**
 * The coordinator's channel key, certified by its key for life: docs/protocols/channel.md has the layout.
 *
 *     format 1 | channel key 32 | not before 8 | not after 8 | signature 64
 */
import { concatBytes, type WallTime } from '@weft/base'
import {
  type CryptoProvider,
  type PrivateKey,
  PUBLIC_KEY_LENGTH,
  type PublicKey,
  publicKeyBytes,
  publicKeyFromBytes,
  SIGNATURE_LENGTH,
} from '@weft/keys'
import { IdentityError } from './identity-error.ts'
import { appendSignature, decodeInteger, encodeInteger, holdsSignature } from './signed-bytes.ts'
import { type Validity, validityAt } from './validity.ts'

const FORMAT = 1
const CONTEXT = 'weft channel key 1'
const NOT_BEFORE_AT = 1 + PUBLIC_KEY_LENGTH
const NOT_AFTER_AT = NOT_BEFORE_AT + 8
export const CHANNEL_CERTIFICATE_LENGTH = NOT_AFTER_AT + 8 + SIGNATURE_LENGTH

export function createChannelCertificate(
  fields: Validity & { readonly channelKey: PublicKey<'channel'> },
  coordinator: PrivateKey<'coordinator'>,
  crypto: CryptoProvider,
): Uint8Array {
  const content = concatBytes(
    Uint8Array.of(FORMAT),
    publicKeyBytes(fields.channelKey),
    encodeInteger(fields.notBefore),
    encodeInteger(fields.notAfter),
  )
  return appendSignature(CONTEXT, content, coordinator, crypto)
}

/** Throws `IdentityError`: `channel-certificate-malformed`, `-forged`, `-expired`. */
export function readChannelCertificate(
  bytes: Uint8Array,
  coordinatorKey: PublicKey<'coordinator'>,
  at: WallTime,
  crypto: CryptoProvider,
): { readonly channelKey: PublicKey<'channel'> } {
  const isWhole = bytes.length === CHANNEL_CERTIFICATE_LENGTH && bytes[0] === FORMAT
  const notBefore = isWhole ? decodeInteger(bytes, NOT_BEFORE_AT) : undefined
  const notAfter = isWhole ? decodeInteger(bytes, NOT_AFTER_AT) : undefined
  if (notBefore === undefined || notAfter === undefined) {
    throw new IdentityError(
      'channel-certificate-malformed',
      'what answers there is no weft coordinator: check the address',
    )
  }
  if (!holdsSignature(CONTEXT, bytes, coordinatorKey, crypto)) {
    throw new IdentityError(
      'channel-certificate-forged',
      'what answers there is not the coordinator of this mesh: check the address, or ask for a new link',
    )
  }
  if (validityAt({ notBefore, notAfter }, at) !== 'valid') {
    throw new IdentityError(
      'channel-certificate-expired',
      "the coordinator's channel key is not valid now: correct this machine's clock or the coordinator's",
    )
  }
  return { channelKey: publicKeyFromBytes('channel', bytes.slice(1, NOT_BEFORE_AT)) }
}
