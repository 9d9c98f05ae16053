import type { Clock, Random } from '@weft/base'
import { createChannelCertificate } from '@weft/identity'
import { type CryptoProvider, PrivateKey } from '@weft/keys'
import { secondsOf } from './join.ts'

const DAY = 24 * 3_600
/** Before and after, in seconds: a node's clock may be off. */
const BACKDATED = DAY
const LIFE = 30 * DAY

/** What the coordinator shows to whoever connects. */
export interface ChannelIdentity {
  readonly channelKey: PrivateKey<'channel'>
  /** For that key, by the coordinator's own. */
  readonly certificate: Uint8Array
}

/**
 * A channel key of today, which lies in memory alone: each day and each start has its own. Nodes know the coordinator's
 * key, which is for life, so whoever connects takes any; channels that are open stay.
 */
export function dailyChannelIdentity(options: {
  readonly coordinatorKey: PrivateKey<'coordinator'>
  readonly crypto: CryptoProvider
  readonly random: Random
  readonly clock: Clock
}): () => ChannelIdentity {
  let made: { readonly day: number; readonly identity: ChannelIdentity } | undefined
  return () => {
    const now = secondsOf(options.clock().wall)
    const day = Math.floor(now / DAY)
    if (day !== made?.day) made = { day, identity: identityAt(now, options) }
    return made.identity
  }
}

function identityAt(
  now: number,
  {
    coordinatorKey,
    crypto,
    random,
  }: { readonly coordinatorKey: PrivateKey<'coordinator'>; readonly crypto: CryptoProvider; readonly random: Random },
): ChannelIdentity {
  const channelKey = PrivateKey.generate('channel', random)
  const validity = { notBefore: now - BACKDATED, notAfter: now + LIFE }
  const certificate = createChannelCertificate(
    { channelKey: channelKey.publicKey(crypto), ...validity },
    coordinatorKey,
    crypto,
  )
  return { channelKey, certificate }
}
