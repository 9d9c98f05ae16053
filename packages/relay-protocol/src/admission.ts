import { concatBytes, utf8, type WallTime } from '@weft/base'
import { IdentityError, type VerifiedChain, verifyChain } from '@weft/identity'
import {
  type CryptoProvider,
  type MeshId,
  type PrivateKey,
  type PublicKey,
  SIGNATURE_LENGTH,
  sign,
  verify,
} from '@weft/keys'
import { decodeFrames, encodeFrame, type Frame } from './frames.ts'

/*
 * A node shows a relay that it belongs to the mesh: its chain of certificates, and its identity key's signature over what
 * this relay asked for this time. The relay needs no coordinator for it, and a signature serves at no other relay.
 *
 *   0  …  chain         end  64  Ed25519 signature over `weft relay admission 1`, a zero byte, relay's id, nonce
 *
 * The coordinator, whose key a relay elsewhere was told, signs the same behind `weft relay coordinator 1` and a zero byte.
 */
const CONTEXT = utf8('weft relay admission 1\0')
const COORDINATOR_CONTEXT = utf8('weft relay coordinator 1\0')

/** As whom somebody comes to a relay. */
export type RelayVisitor =
  | { readonly kind: 'member'; readonly chain: Uint8Array; readonly identity: PrivateKey<'identity'> }
  | { readonly kind: 'coordinator'; readonly key: PrivateKey<'coordinator'> }

/** What answers the relay's challenge. */
export function admissionOf(visitor: RelayVisitor, challenge: Challenge, crypto: CryptoProvider): Frame {
  if (visitor.kind === 'member') return { kind: 'admission', proof: proveMembership(challenge, visitor, crypto) }
  return { kind: 'coordinator', signature: sign(visitor.key, signedPart(challenge, COORDINATOR_CONTEXT), crypto) }
}

/** What a coordinator says on a connection of its own to whoever waits; `undefined` where the relay's message is no challenge. */
export function answerToCaller(challenge: Uint8Array, token: Uint8Array): Uint8Array | undefined {
  const [frame] = decodeFrames(challenge) ?? []
  return frame?.kind === 'challenge' ? encodeFrame({ kind: 'answer', token }) : undefined
}

export function isCoordinator(
  signature: Uint8Array,
  challenge: Challenge,
  key: PublicKey<'coordinator'>,
  crypto: CryptoProvider,
): boolean {
  return verify(key, signedPart(challenge, COORDINATOR_CONTEXT), signature, crypto)
}

export interface Challenge {
  readonly relay: Uint8Array
  readonly nonce: Uint8Array
}

function proveMembership(
  challenge: Challenge,
  own: { readonly chain: Uint8Array; readonly identity: PrivateKey<'identity'> },
  crypto: CryptoProvider,
): Uint8Array {
  return concatBytes(own.chain, sign(own.identity, signedPart(challenge), crypto))
}

/** Who it is, or why not: an `IdentityError`'s code or `signature-wrong`. */
export function verifyMembership(
  proof: Uint8Array,
  challenge: Challenge,
  place: { readonly mesh: MeshId; readonly at: WallTime; readonly crypto: CryptoProvider },
): VerifiedChain | IdentityError['code'] | 'signature-wrong' {
  const end = proof.length - SIGNATURE_LENGTH
  if (end <= 0) return 'signature-wrong'
  try {
    const member = verifyChain({ chain: proof.slice(0, end), ...place })
    const holds = verify(member.identityKey, signedPart(challenge), proof.subarray(end), place.crypto)
    return holds ? member : 'signature-wrong'
  } catch (error) {
    if (error instanceof IdentityError) return error.code
    throw error
  }
}

const signedPart = ({ relay, nonce }: Challenge, context = CONTEXT): Uint8Array => concatBytes(context, relay, nonce)
