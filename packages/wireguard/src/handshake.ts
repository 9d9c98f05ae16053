import { type Random, randomBytes, utf8 } from '@weft/base'
import type { CryptoProvider } from '@weft/keys'
import { SymmetricState } from '@weft/noise'
import type { HandshakeDropReason } from './handshake-drop.ts'
import { writeMac1 } from './mac1.ts'
import { encodeInitiation, encodeResponse, type InitiationMessage, type ResponseMessage } from './messages.ts'

/**
 * WireGuard's handshake in both roles: Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s, WireGuard paper §5.4.2 and §5.4.3.
 *
 *     initiator → responder   initiation   e, es, s, ss, timestamp
 *     responder → initiator   response     e, ee, se, psk, nothing
 *
 * Four pure steps: `createInitiation` → `readInitiation` (who is it?) and `openInitiation` (is it now?) →
 * `createResponse` → `consumeResponse`. What is refused is a value and changes nothing: a forged response leaves the
 * pending initiation as it was. Here mac2 is zero, and what stands in its place is not looked at: cookies (§5.4.7) are
 * `CookieHolder`'s and `CookieIssuer`'s.
 */
const CONSTRUCTION = 'Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s'
const IDENTIFIER = utf8('WireGuard v1 zx2c4 Jason@zx2c4.com')
const NOTHING = new Uint8Array(0)
const PRIVATE_KEY_LENGTH = 32

/** What this end brings to each handshake. */
export interface LocalKeys {
  readonly crypto: CryptoProvider
  readonly random: Random
  readonly privateKey: Uint8Array
  readonly publicKey: Uint8Array
  /** Under which messages to this end carry their mac1. */
  readonly mac1Key: Uint8Array
}

/** What is known of the other end. */
export interface RemoteKeys {
  readonly publicKey: Uint8Array
  /** Of both static keys; absent where the other's has small order. */
  readonly staticSecret: Uint8Array | undefined
  /** 32 bytes, zero where there is none. */
  readonly presharedKey: Uint8Array
  readonly mac1Key: Uint8Array
}

/** The initiator's half of a handshake, until the response. */
export interface PendingInitiation {
  readonly localIndex: number
  readonly ephemeralPrivate: Uint8Array
  readonly state: SymmetricState
}

/** The responder's half, as far as the initiator is told by it. */
export interface ReadInitiation {
  readonly remoteIndex: number
  readonly ephemeral: Uint8Array
  /** Who says to be the initiator; proven by `openInitiation` only. */
  readonly initiatorKey: Uint8Array
  readonly sealedTimestamp: Uint8Array
  readonly state: SymmetricState
}

/** What a session's keys are, seen from this end. 32 bytes each. */
export interface TransportKeys {
  readonly sendKey: Uint8Array
  readonly receiveKey: Uint8Array
}

export function createInitiation(
  local: LocalKeys,
  remote: RemoteKeys,
  fields: { readonly localIndex: number; readonly timestamp: Uint8Array },
): { readonly message: Uint8Array; readonly pending: PendingInitiation } | HandshakeDropReason {
  if (remote.staticSecret === undefined) return 'shared-secret-zero'
  const { crypto } = local
  const ephemeralPrivate = randomBytes(local.random, PRIVATE_KEY_LENGTH)
  const ephemeral = crypto.x25519PublicKey(ephemeralPrivate)
  const ephemeralStatic = crypto.x25519(ephemeralPrivate, remote.publicKey)
  if (ephemeralStatic === undefined) return 'shared-secret-zero'

  const state = startState(remote.publicKey, crypto)
  mixEphemeral(state, ephemeral)
  state.mixKey(ephemeralStatic)
  const sealedStatic = state.encryptAndHash(local.publicKey)
  state.mixKey(remote.staticSecret)
  const sealedTimestamp = state.encryptAndHash(fields.timestamp)

  const message = encodeInitiation({ sender: fields.localIndex, ephemeral, sealedStatic, sealedTimestamp })
  writeMac1(message, remote.mac1Key, crypto)
  return { message, pending: { localIndex: fields.localIndex, ephemeralPrivate, state } }
}

/** The initiator's public key out of an initiation whose mac1 holds. */
export function readInitiation(local: LocalKeys, message: InitiationMessage): ReadInitiation | HandshakeDropReason {
  const state = startState(local.publicKey, local.crypto)
  mixEphemeral(state, message.ephemeral)
  const ephemeralStatic = local.crypto.x25519(local.privateKey, message.ephemeral)
  if (ephemeralStatic === undefined) return 'shared-secret-zero'
  state.mixKey(ephemeralStatic)
  const initiatorKey = state.decryptAndHash(message.sealedStatic)
  if (initiatorKey === undefined) return 'initiation-not-authentic'
  const { sender: remoteIndex, ephemeral, sealedTimestamp } = message
  return { remoteIndex, ephemeral, initiatorKey, sealedTimestamp, state }
}

/** The timestamp, which proves the initiator; whether it is late enough is the tunnel's to know. Once for each reading. */
export function openInitiation(
  remote: RemoteKeys,
  initiation: ReadInitiation,
): { readonly timestamp: Uint8Array } | HandshakeDropReason {
  if (remote.staticSecret === undefined) return 'shared-secret-zero'
  initiation.state.mixKey(remote.staticSecret)
  const timestamp = initiation.state.decryptAndHash(initiation.sealedTimestamp)
  return timestamp === undefined ? 'initiation-not-authentic' : { timestamp }
}

/** Answers an initiation that `openInitiation` has opened. */
export function createResponse(
  local: LocalKeys,
  remote: RemoteKeys,
  initiation: ReadInitiation,
  localIndex: number,
): { readonly message: Uint8Array; readonly keys: TransportKeys } | HandshakeDropReason {
  const { crypto } = local
  const { state } = initiation
  const ephemeralPrivate = randomBytes(local.random, PRIVATE_KEY_LENGTH)
  const ephemeral = crypto.x25519PublicKey(ephemeralPrivate)
  const ephemeralEphemeral = crypto.x25519(ephemeralPrivate, initiation.ephemeral)
  const ephemeralStatic = crypto.x25519(ephemeralPrivate, remote.publicKey)
  ephemeralPrivate.fill(0)
  if (ephemeralEphemeral === undefined || ephemeralStatic === undefined) return 'shared-secret-zero'

  mixEphemeral(state, ephemeral)
  state.mixKey(ephemeralEphemeral)
  state.mixKey(ephemeralStatic)
  state.mixKeyAndHash(remote.presharedKey)
  const sealedNothing = state.encryptAndHash(NOTHING)

  const message = encodeResponse({ sender: localIndex, receiver: initiation.remoteIndex, ephemeral, sealedNothing })
  writeMac1(message, remote.mac1Key, crypto)
  const { first, second } = state.split()
  return { message, keys: { sendKey: second, receiveKey: first } }
}

/** Completes a pending initiation, which is left as it is: where this gives a reason, another response may still come. */
export function consumeResponse(
  local: LocalKeys,
  remote: RemoteKeys,
  pending: PendingInitiation,
  message: ResponseMessage,
): TransportKeys | HandshakeDropReason {
  const { crypto } = local
  const ephemeralEphemeral = crypto.x25519(pending.ephemeralPrivate, message.ephemeral)
  const staticEphemeral = crypto.x25519(local.privateKey, message.ephemeral)
  if (ephemeralEphemeral === undefined || staticEphemeral === undefined) return 'shared-secret-zero'

  const state = pending.state.clone()
  mixEphemeral(state, message.ephemeral)
  state.mixKey(ephemeralEphemeral)
  state.mixKey(staticEphemeral)
  state.mixKeyAndHash(remote.presharedKey)
  if (state.decryptAndHash(message.sealedNothing) === undefined) return 'response-not-authentic'
  const { first, second } = state.split()
  return { sendKey: first, receiveKey: second }
}

function startState(responderKey: Uint8Array, crypto: CryptoProvider): SymmetricState {
  const state = new SymmetricState(CONSTRUCTION, crypto)
  state.mixHash(IDENTIFIER)
  state.mixHash(responderKey)
  return state
}

/** With a preshared key in the pattern an ephemeral key goes into the chaining key too. Noise §9.2. */
function mixEphemeral(state: SymmetricState, ephemeral: Uint8Array): void {
  state.mixHash(ephemeral)
  state.mixKey(ephemeral)
}
