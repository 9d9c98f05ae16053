import type { Clock } from '@weft/base'
import { createChannelCertificate } from '@weft/identity'
import type { CryptoProvider, PrivateKey } from '@weft/keys'
import { secondsOf } from './join.ts'

const DAY = 24 * 3_600
/** Before and after, in seconds: a node's clock may be off. */
const BACKDATED = DAY
const LIFE = 30 * DAY

/** The coordinator's certificate for its channel key: signed anew each day, so that it never is about to expire. */
export function dailyCertificate(options: {
  readonly channelKey: PrivateKey<'channel'>
  readonly coordinatorKey: PrivateKey<'coordinator'>
  readonly crypto: CryptoProvider
  readonly clock: Clock
}): () => Uint8Array {
  const { coordinatorKey, crypto, clock } = options
  const channelKey = options.channelKey.publicKey(crypto)
  let day: number | undefined
  let certificate = new Uint8Array()
  return () => {
    const now = secondsOf(clock().wall)
    const today = Math.floor(now / DAY)
    if (today !== day) {
      const validity = { notBefore: now - BACKDATED, notAfter: now + LIFE }
      certificate = Uint8Array.from(createChannelCertificate({ channelKey, ...validity }, coordinatorKey, crypto))
      day = today
    }
    return certificate
  }
}
