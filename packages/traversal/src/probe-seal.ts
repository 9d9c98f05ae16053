import { concatBytes, equalBytes, fromHex, invariant, type Random, randomBytes, toHex, utf8 } from '@weft/base'
import { type CryptoProvider, type NodeId, type PrivateKey, type PublicKey, publicKeyBytes } from '@weft/keys'

/*
 * A sealed probe message, beside WireGuard and STUN on one socket, or by relay. docs/protocols/paths.md
 *
 *   0   4  `weft`         5   16  sender's node id       45  …  XChaCha20-Poly1305 of the message; the first 21 bytes
 *   4   1  version: 1     21  24  nonce                          are its associated data
 *
 * The key is BLAKE2s over `weft probe 1`, a zero byte, the X25519 secret of the two probe keys, and both public keys, the
 * lesser first.
 */
const MAGIC = utf8('weft')
const VERSION = 1
const NONCE_AT = 21
const NONCE_LENGTH = 24
const SEALED_AT = NONCE_AT + NONCE_LENGTH
const TAG = 16
/** What the seal adds to a message. */
export const SEAL_OVERHEAD = SEALED_AT + TAG
const CONTEXT = utf8('weft probe 1\0')

/** Who says that it sent this, where it has the form of a sealed probe message. Nothing is proven by it. */
export function probeSender(datagram: Uint8Array): NodeId | undefined {
  const isProbe =
    datagram.length > SEAL_OVERHEAD && equalBytes(datagram.subarray(0, 4), MAGIC) && datagram[4] === VERSION
  return isProbe ? (toHex(datagram.subarray(5, NONCE_AT)) as NodeId) : undefined
}

/** Seals to one peer, and opens what it sealed. */
export class ProbeSeal {
  readonly #key: Uint8Array
  readonly #header: Uint8Array
  readonly #peerHeader: Uint8Array
  readonly #crypto: CryptoProvider
  readonly #random: Random

  private constructor(key: Uint8Array, own: NodeId, peer: NodeId, crypto: CryptoProvider, random: Random) {
    this.#key = key
    this.#header = headerOf(own)
    this.#peerHeader = headerOf(peer)
    this.#crypto = crypto
    this.#random = random
  }

  /** `undefined` where the peer's key is none that a secret can be made with. */
  static create(options: {
    readonly own: NodeId
    readonly probeKey: PrivateKey<'probe'>
    readonly peer: NodeId
    readonly peerKey: PublicKey<'probe'>
    readonly crypto: CryptoProvider
    readonly random: Random
  }): ProbeSeal | undefined {
    const { own, probeKey, peer, peerKey, crypto, random } = options
    const secret = crypto.x25519(probeKey.expose(), publicKeyBytes(peerKey))
    if (secret === undefined) return undefined
    const keys = [probeKey.publicKey(crypto), peerKey].sort().map(publicKeyBytes)
    return new ProbeSeal(crypto.blake2s(CONTEXT, secret, ...keys), own, peer, crypto, random)
  }

  seal(message: Uint8Array): Uint8Array {
    const nonce = randomBytes(this.#random, NONCE_LENGTH)
    return concatBytes(this.#header, nonce, this.#crypto.xseal(this.#key, nonce, message, this.#header))
  }

  /** The message, or `undefined` where it is not the peer's. */
  open(datagram: Uint8Array): Uint8Array | undefined {
    if (datagram.length <= SEAL_OVERHEAD || !equalBytes(datagram.subarray(0, NONCE_AT), this.#peerHeader))
      return undefined
    const nonce = datagram.subarray(NONCE_AT, SEALED_AT)
    return this.#crypto.xopen(this.#key, nonce, datagram.subarray(SEALED_AT), this.#peerHeader)
  }
}

function headerOf(id: NodeId): Uint8Array {
  const bytes = fromHex(id)
  invariant(bytes !== undefined, 'a node id is hexadecimal')
  return concatBytes(MAGIC, Uint8Array.of(VERSION), bytes)
}
