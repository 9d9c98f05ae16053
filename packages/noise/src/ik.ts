import { concatBytes, invariant, type Random } from '@weft/base'
import { type CryptoProvider, PrivateKey, type PublicKey, publicKeyBytes, publicKeyFromBytes } from '@weft/keys'
import { SymmetricState } from './symmetric-state.ts'
import { NoiseTransport } from './transport.ts'

/**
 * Noise_IK_25519_ChaChaPoly_BLAKE2s (Noise §7.5): the initiator knows the responder's static key and sends its own, sealed, in the
 * first message.
 *
 *     <- s
 *     -> e, es, s, ss   32 bytes ephemeral ‖ 48 sealed static ‖ sealed payload (16 bytes longer than it)
 *     <- e, ee, se      32 bytes ephemeral ‖ sealed payload
 *
 * The first message can be replayed by whoever saw it: its payload must ask for nothing. What does not authenticate, and
 * a key of small order, changes nothing: the right message is still awaited.
 */
const PROTOCOL = 'Noise_IK_25519_ChaChaPoly_BLAKE2s'
const EPHEMERAL = 32
const SEALED_STATIC = 48

interface Party {
  readonly crypto: CryptoProvider
  readonly random: Random
  readonly prologue: Uint8Array
  readonly localPrivateKey: PrivateKey<'channel'>
}

export interface SecondMessage {
  readonly payload: Uint8Array
  readonly transport: NoiseTransport
}

export class IkInitiator {
  readonly #party: Party
  readonly #remoteKey: Uint8Array
  #awaiting: { readonly state: SymmetricState; readonly ephemeral: PrivateKey<'channel'> } | undefined

  constructor(options: Party & { readonly remotePublicKey: PublicKey<'channel'> }) {
    this.#party = options
    this.#remoteKey = publicKeyBytes(options.remotePublicKey)
  }

  /** Starts anew each time. Throws `RangeError` where the responder's key has small order. */
  writeFirst(payload: Uint8Array): Uint8Array {
    const { crypto, random, localPrivateKey } = this.#party
    const state = start(this.#party, this.#remoteKey)
    const ephemeral = PrivateKey.generate('channel', random)
    const ephemeralKey = crypto.x25519PublicKey(ephemeral.expose())
    state.mixHash(ephemeralKey)
    mixUsableKey(state, crypto.x25519(ephemeral.expose(), this.#remoteKey))
    const sealedStatic = state.encryptAndHash(crypto.x25519PublicKey(localPrivateKey.expose()))
    mixUsableKey(state, crypto.x25519(localPrivateKey.expose(), this.#remoteKey))
    const sealedPayload = state.encryptAndHash(payload)
    this.#awaiting = { state, ephemeral }
    return concatBytes(ephemeralKey, sealedStatic, sealedPayload)
  }

  /** `undefined` where it is not an answer to the last first message, by the responder. */
  readSecond(message: Uint8Array): SecondMessage | undefined {
    invariant(this.#awaiting !== undefined, 'the first message is written before the second is read')
    if (message.length < EPHEMERAL) return undefined
    const { crypto, localPrivateKey } = this.#party
    const state = this.#awaiting.state.clone()
    const remoteEphemeral = message.slice(0, EPHEMERAL)
    state.mixHash(remoteEphemeral)
    if (!mixAgreement(state, crypto.x25519(this.#awaiting.ephemeral.expose(), remoteEphemeral))) return undefined
    if (!mixAgreement(state, crypto.x25519(localPrivateKey.expose(), remoteEphemeral))) return undefined
    const payload = state.decryptAndHash(message.subarray(EPHEMERAL))
    if (payload === undefined) return undefined
    this.#awaiting = undefined
    const { first, second } = state.split()
    return { payload, transport: new NoiseTransport({ sendKey: first, receiveKey: second }, crypto) }
  }
}

export class IkResponder {
  readonly #party: Party
  #read:
    | { readonly state: SymmetricState; readonly remoteEphemeral: Uint8Array; readonly remoteKey: Uint8Array }
    | undefined

  constructor(options: Party) {
    this.#party = options
  }

  /** `undefined` where it is not a first message for our key. */
  readFirst(
    message: Uint8Array,
  ): { readonly payload: Uint8Array; readonly remotePublicKey: PublicKey<'channel'> } | undefined {
    const sealedPayloadAt = EPHEMERAL + SEALED_STATIC
    if (message.length < sealedPayloadAt) return undefined
    const { crypto, localPrivateKey } = this.#party
    const state = start(this.#party, crypto.x25519PublicKey(localPrivateKey.expose()))
    const remoteEphemeral = message.slice(0, EPHEMERAL)
    state.mixHash(remoteEphemeral)
    if (!mixAgreement(state, crypto.x25519(localPrivateKey.expose(), remoteEphemeral))) return undefined
    const remoteKey = state.decryptAndHash(message.subarray(EPHEMERAL, sealedPayloadAt))
    if (remoteKey === undefined) return undefined
    if (!mixAgreement(state, crypto.x25519(localPrivateKey.expose(), remoteKey))) return undefined
    const payload = state.decryptAndHash(message.subarray(sealedPayloadAt))
    if (payload === undefined) return undefined
    this.#read = { state, remoteEphemeral, remoteKey }
    return { payload, remotePublicKey: publicKeyFromBytes('channel', remoteKey) }
  }

  /** Answers the first message that was read last, once. */
  writeSecond(payload: Uint8Array): { readonly message: Uint8Array; readonly transport: NoiseTransport } {
    invariant(this.#read !== undefined, 'the first message is read before the second is written')
    const { crypto, random } = this.#party
    const { state, remoteEphemeral, remoteKey } = this.#read
    this.#read = undefined
    const ephemeral = PrivateKey.generate('channel', random).expose()
    const ephemeralKey = crypto.x25519PublicKey(ephemeral)
    state.mixHash(ephemeralKey)
    mixUsableKey(state, crypto.x25519(ephemeral, remoteEphemeral))
    mixUsableKey(state, crypto.x25519(ephemeral, remoteKey))
    const message = concatBytes(ephemeralKey, state.encryptAndHash(payload))
    const { first, second } = state.split()
    return { message, transport: new NoiseTransport({ sendKey: second, receiveKey: first }, crypto) }
  }
}

function start({ crypto, prologue }: Party, responderKey: Uint8Array): SymmetricState {
  const state = new SymmetricState(PROTOCOL, crypto)
  state.mixHash(prologue)
  state.mixHash(responderKey)
  return state
}

function mixAgreement(state: SymmetricState, secret: Uint8Array | undefined): boolean {
  if (secret !== undefined) state.mixKey(secret)
  return secret !== undefined
}

function mixUsableKey(state: SymmetricState, secret: Uint8Array | undefined): void {
  if (!mixAgreement(state, secret)) throw new RangeError('the public key has small order')
}
