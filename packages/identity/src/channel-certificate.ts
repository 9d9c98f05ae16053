import { assertNever, concatBytes, invariant, type WallTime } from '@weft/base'
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
import { dayOf, type Validity, validityAt } from './validity.ts'

/**
 * By it the coordinator's key, which is for life, says which channel key speaks for it and for how long.
 * docs/protocols/channel.md
 *
 *     0   format: 1          33  not before         49  signature
 *     1   channel key        41  not after
 *
 * Trailing bytes are refused.
 */
const FORMAT = 1
const CONTEXT = 'weft channel key 1'
const NOT_BEFORE_AT = 1 + PUBLIC_KEY_LENGTH
const NOT_AFTER_AT = NOT_BEFORE_AT + 8
export const CHANNEL_CERTIFICATE_LENGTH = NOT_AFTER_AT + 8 + SIGNATURE_LENGTH

/** Times are seconds since 1970. */
export interface ChannelCertificate extends Validity {
  readonly channelKey: PublicKey<'channel'>
}

export function createChannelCertificate(
  { channelKey, notBefore, notAfter }: ChannelCertificate,
  coordinator: PrivateKey<'coordinator'>,
  crypto: CryptoProvider,
): Uint8Array {
  invariant(notBefore <= notAfter, 'a certificate begins before it ends')
  const content = concatBytes(
    Uint8Array.of(FORMAT),
    publicKeyBytes(channelKey),
    encodeInteger(notBefore),
    encodeInteger(notAfter),
  )
  return appendSignature(CONTEXT, content, coordinator, crypto)
}

/** Throws `IdentityError` `channel-certificate-…`. */
export function readChannelCertificate(
  bytes: Uint8Array,
  coordinatorKey: PublicKey<'coordinator'>,
  at: WallTime,
  crypto: CryptoProvider,
): ChannelCertificate {
  const certificate = parse(bytes)
  if (!holdsSignature(CONTEXT, bytes, coordinatorKey, crypto)) {
    throw new IdentityError(
      'channel-certificate-forged',
      'what answers there is not the coordinator of this mesh: its key is another; check the address, or ask for a new join link',
    )
  }
  requireValid(certificate, at)
  return certificate
}

function parse(bytes: Uint8Array): ChannelCertificate {
  if (bytes.length !== CHANNEL_CERTIFICATE_LENGTH) throw malformed(`it begins with ${bytes.length} bytes`)
  if (bytes[0] !== FORMAT) throw malformed(`its format is ${bytes[0]}, and this weft knows ${FORMAT}`)
  const notBefore = decodeInteger(bytes, NOT_BEFORE_AT)
  const notAfter = decodeInteger(bytes, NOT_AFTER_AT)
  if (notBefore === undefined || notAfter === undefined) throw malformed('a time in its certificate is out of range')
  return { channelKey: publicKeyFromBytes('channel', bytes.subarray(1, NOT_BEFORE_AT)), notBefore, notAfter }
}

function requireValid({ notBefore, notAfter }: ChannelCertificate, at: WallTime): void {
  const validity = validityAt({ notBefore, notAfter }, at)
  switch (validity) {
    case 'valid':
      return
    case 'expired':
      throw new IdentityError(
        'channel-certificate-expired',
        `the coordinator's channel certificate expired at ${dayOf(notAfter)}: check the clocks of both machines`,
      )
    case 'not-yet-valid':
      throw new IdentityError(
        'channel-certificate-not-yet-valid',
        `the coordinator's channel certificate holds from ${dayOf(notBefore)} on only: check the clocks of both machines`,
      )
    default:
      assertNever(validity)
  }
}

function malformed(why: string): IdentityError {
  return new IdentityError(
    'channel-certificate-malformed',
    `what answers there does not speak as a coordinator does: ${why}; check the address, or update weft if the coordinator is newer`,
  )
}
