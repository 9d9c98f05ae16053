import { concatBytes, utf8, viewOf } from '@weft/base'
import {
  type CryptoProvider,
  type PrivateKey,
  type PublicKey,
  SIGNATURE_LENGTH,
  type SigningRole,
  sign,
  verify,
} from '@weft/keys'

/**
 * Every signature is over a context, a zero byte and the content: so none of one format serves for another.
 * The content goes first on the wire, the 64 bytes of the signature last.
 */
export function appendSignature(
  context: string,
  content: Uint8Array,
  key: PrivateKey<SigningRole>,
  crypto: CryptoProvider,
): Uint8Array {
  return concatBytes(content, sign(key, signedPart(context, content), crypto))
}

export function holdsSignature(
  context: string,
  signed: Uint8Array,
  key: PublicKey<SigningRole>,
  crypto: CryptoProvider,
): boolean {
  const end = signed.length - SIGNATURE_LENGTH
  return end >= 0 && verify(key, signedPart(context, signed.subarray(0, end)), signed.subarray(end), crypto)
}

const signedPart = (context: string, content: Uint8Array): Uint8Array => concatBytes(utf8(`${context}\0`), content)

/** Eight bytes, big-endian; an integer from 0 to 2^53 - 1. */
export function encodeInteger(value: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not an integer from 0 to 2^53 - 1: ${value}`)
  const bytes = new Uint8Array(8)
  viewOf(bytes).setBigUint64(0, BigInt(value))
  return bytes
}

/** The integer in eight bytes at the offset, or `undefined` from 2^53 on. */
export function decodeInteger(bytes: Uint8Array, offset: number): number | undefined {
  const value = Number(viewOf(bytes).getBigUint64(offset))
  return Number.isSafeInteger(value) ? value : undefined
}
