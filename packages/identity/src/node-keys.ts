import type { Random } from '@weft/base'
import { PrivateKey } from '@weft/keys'

/** All private keys of a node, made on it; they never leave it. */
export interface NodeKeys {
  readonly identity: PrivateKey<'identity'>
  readonly node: PrivateKey<'node'>
  readonly channel: PrivateKey<'channel'>
  readonly probe: PrivateKey<'probe'>
  readonly kem: PrivateKey<'kem'>
}

export function generateNodeKeys(random: Random): NodeKeys {
  return {
    identity: PrivateKey.generate('identity', random),
    node: PrivateKey.generate('node', random),
    channel: PrivateKey.generate('channel', random),
    probe: PrivateKey.generate('probe', random),
    kem: PrivateKey.generate('kem', random),
  }
}
