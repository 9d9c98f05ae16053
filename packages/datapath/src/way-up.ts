import type { Instant } from '@weft/base'
import type { CryptoProvider, PublicKey } from '@weft/keys'
import { holdsMac1, mac1KeyOf } from '@weft/wireguard'
import { type DatapathReport, type DropReason, type Path, UP_BURST, UP_RATE } from './datapath.ts'
import { TokenBucket } from './token-bucket.ts'

/**
 * What goes up to the node although strangers can cause it: handshakes whose mac1 holds, cookie replies, which anyone
 * can make, and datagrams that are not WireGuard's. Each kind has its share, so that none can keep another out.
 */
export class WayUp {
  readonly #crypto: CryptoProvider
  readonly #offer: (report: DatapathReport) => boolean
  readonly #handshakes = new TokenBucket(UP_RATE / 2, UP_BURST / 2)
  readonly #cookieReplies = new TokenBucket(UP_RATE / 8, UP_BURST / 8)
  readonly #datagrams = new TokenBucket((UP_RATE * 3) / 8, (UP_BURST * 3) / 8)
  readonly #nodePackets = new TokenBucket(UP_RATE, UP_BURST)
  #mac1Keys: readonly Uint8Array[] = []

  constructor(options: {
    readonly crypto: CryptoProvider
    readonly offer: (report: DatapathReport) => boolean
  }) {
    this.#crypto = options.crypto
    this.#offer = options.offer
  }

  setLocalKeys(keys: readonly PublicKey<'node'>[]): void {
    this.#mac1Keys = keys.map((key) => mac1KeyOf(key, this.#crypto))
  }

  handshake(message: Uint8Array, path: () => Path, now: Instant): DropReason | undefined {
    const localKey = this.#mac1Keys.findIndex((key) => holdsMac1(message, key, this.#crypto))
    if (localKey < 0) return 'mac1-wrong'
    if (!this.#handshakes.take(now)) return 'rate-limited'
    return this.deliver({ kind: 'handshake', message: message.slice(), localKey, path: path() })
  }

  cookieReply(message: Uint8Array, path: () => Path, now: Instant): DropReason | undefined {
    if (!this.#cookieReplies.take(now)) return 'rate-limited'
    return this.deliver({ kind: 'handshake', message: message.slice(), localKey: -1, path: path() })
  }

  datagram(datagram: Uint8Array, path: () => Path, now: Instant): DropReason | undefined {
    if (!this.#datagrams.take(now)) return 'rate-limited'
    const from = path()
    if (from.kind !== 'direct') return 'malformed-datagram'
    return this.deliver({ kind: 'datagram', datagram: datagram.slice(), path: from })
  }

  /** From programs of this machine to the node. */
  nodePacket(packet: Uint8Array, now: Instant): DropReason | undefined {
    if (!this.#nodePackets.take(now)) return 'rate-limited'
    return this.deliver({ kind: 'node-packet', packet: packet.slice() })
  }

  /** For every report of which there may be many; those that answer a command or a session's state always find room. */
  deliver(report: DatapathReport): DropReason | undefined {
    return this.#offer(report) ? undefined : 'ring-full'
  }
}
