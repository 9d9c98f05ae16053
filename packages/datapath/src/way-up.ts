import { type Instant, type Rate, TokenBucket } from '@weft/base'
import type { CryptoProvider, PublicKey } from '@weft/keys'
import { holdsCookie, holdsMac1, mac1KeyOf, OriginLimits } from '@weft/wireguard'
import { type DatapathReport, type DropReason, type Path, UP_BURST, UP_RATE } from './datapath.ts'
import { originOf } from './origin.ts'

interface LocalKey {
  readonly key: PublicKey<'node'>
  readonly mac1Key: Uint8Array
  cookieSecret: Uint8Array | undefined
}

/**
 * What goes up to the node although strangers can cause it: handshakes whose mac1 holds, cookie replies, which anyone
 * can make, and datagrams that are not WireGuard's. Each kind has its share, so that none can keep another out. Handshakes
 * that prove by a cookie where they come from have a share for themselves once that of all is used up, and each source a part of it.
 */
export class WayUp {
  readonly #crypto: CryptoProvider
  readonly #offer: (report: DatapathReport) => boolean
  readonly #handshakes = new TokenBucket(shareOf(3 / 8))
  readonly #proven = new TokenBucket(shareOf(1 / 8))
  readonly #provenOrigins = new OriginLimits()
  readonly #cookieReplies = new TokenBucket(shareOf(1 / 8))
  readonly #datagrams = new TokenBucket(shareOf(3 / 8))
  readonly #nodePackets = new TokenBucket(shareOf(1))
  #locals: readonly LocalKey[] = []

  constructor(options: {
    readonly crypto: CryptoProvider
    readonly offer: (report: DatapathReport) => boolean
  }) {
    this.#crypto = options.crypto
    this.#offer = options.offer
  }

  setLocalKeys(keys: readonly PublicKey<'node'>[]): void {
    const secretOf = (key: PublicKey<'node'>) => this.#locals.find((local) => local.key === key)?.cookieSecret
    this.#locals = keys.map((key) => ({ key, mac1Key: mac1KeyOf(key, this.#crypto), cookieSecret: secretOf(key) }))
  }

  /** Of a key that is no local one: nothing. */
  setCookieSecret(key: PublicKey<'node'>, secret: Uint8Array): void {
    for (const local of this.#locals) if (local.key === key) local.cookieSecret = secret
  }

  handshake(message: Uint8Array, path: () => Path, now: Instant): DropReason | undefined {
    const localKey = this.#locals.findIndex(({ mac1Key }) => holdsMac1(message, mac1Key, this.#crypto))
    if (localKey < 0) return 'mac1-wrong'
    const mayPass = this.#handshakes.take(now) || this.#isProven(message, this.#locals[localKey], path, now)
    if (!mayPass) return 'rate-limited'
    return this.deliver({ kind: 'handshake', message: message.slice(), localKey, path: path() })
  }

  #isProven(message: Uint8Array, local: LocalKey | undefined, path: () => Path, now: Instant): boolean {
    if (local?.cookieSecret === undefined) return false
    const origin = originOf(path())
    if (!holdsCookie(message, local.cookieSecret, origin, this.#crypto)) return false
    return this.#provenOrigins.take(origin, now) && this.#proven.take(now)
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

function shareOf(part: number): Rate {
  return { burst: UP_BURST * part, perSecond: UP_RATE * part }
}
