import { concatBytes, type Instant, viewOf } from '@weft/base'
import { portableCrypto } from '@weft/keys/portable'
import { MESSAGE_TRANSPORT, TRANSPORT_HEADER, type TransportSession } from '@weft/wireguard'

const NOTHING = new Uint8Array(0)

interface FarEndOptions {
  readonly role: TransportSession['role']
  /** The index in datagrams to the datapath; the one in datagrams to the far end is a thousand more. */
  readonly localIndex: number
  readonly rejectAfter: Instant
  readonly rekeyAfter?: Instant
  readonly rekeyAfterReceiving?: Instant
}

/**
 * The other end of one session, written from the WireGuard paper (§5.4.6) alone: seals and opens transport data by itself
 * and remembers nothing but its own counter.
 */
export class FarEnd {
  /** For the datapath under test; new arrays each time, since a datapath may wipe them. */
  readonly session: () => TransportSession
  readonly localIndex: number
  readonly remoteIndex: number
  readonly #toDatapath: Uint8Array
  readonly #fromDatapath: Uint8Array
  #counter = 0n

  constructor(options: FarEndOptions) {
    this.localIndex = options.localIndex
    this.remoteIndex = options.localIndex + 1000
    this.#toDatapath = new Uint8Array(32).fill(options.localIndex)
    this.#fromDatapath = new Uint8Array(32).fill(options.localIndex + 100)
    this.session = () => ({
      role: options.role,
      localIndex: this.localIndex,
      remoteIndex: this.remoteIndex,
      sendKey: this.#fromDatapath.slice(),
      receiveKey: this.#toDatapath.slice(),
      rekeyAfter: options.rekeyAfter,
      rekeyAfterReceiving: options.rekeyAfterReceiving,
      rejectAfter: options.rejectAfter,
    })
  }

  /** A datagram to the datapath, with the next counter or that one. An empty packet makes a keepalive. */
  seal(packet: Uint8Array, counter: bigint = this.#counter++): Uint8Array {
    const header = new Uint8Array(TRANSPORT_HEADER)
    const view = viewOf(header)
    view.setUint32(0, MESSAGE_TRANSPORT, true)
    view.setUint32(4, this.localIndex, true)
    view.setBigUint64(8, counter, true)
    const padded = new Uint8Array(Math.ceil(packet.length / 16) * 16)
    padded.set(packet)
    return concatBytes(header, portableCrypto.seal(this.#toDatapath, nonceOf(counter), padded, NOTHING))
  }

  /** What is in a datagram of the datapath, padding included; `undefined` where it is not for this session. */
  open(datagram: Uint8Array): { readonly counter: bigint; readonly padded: Uint8Array } | undefined {
    const view = viewOf(datagram)
    if (view.getUint32(0, true) !== MESSAGE_TRANSPORT || view.getUint32(4, true) !== this.remoteIndex) return undefined
    const counter = view.getBigUint64(8, true)
    const sealed = datagram.subarray(TRANSPORT_HEADER)
    const padded = portableCrypto.open(this.#fromDatapath, nonceOf(counter), sealed, NOTHING)
    return padded === undefined ? undefined : { counter, padded }
  }
}

function nonceOf(counter: bigint): Uint8Array {
  const nonce = new Uint8Array(12)
  viewOf(nonce).setBigUint64(4, counter, true)
  return nonce
}
