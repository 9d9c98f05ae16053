import type { Alarm, Clock, Duration, IpAddress, Logger, Random } from '@weft/base'
import type { CryptoProvider, NodeId, PublicKey } from '@weft/keys'
import type { MeshFiles } from './mesh-files.ts'
import type { MeshState } from './mesh-state.ts'
import type { FeedOutput } from './netmap-feed.ts'

/** Who asks, as the channel proves. */
export interface Caller {
  readonly channelKey: PublicKey<'channel'>
  readonly source: IpAddress | undefined
}

export interface CoordinatorOptions {
  readonly files: MeshFiles
  readonly state: MeshState
  readonly tell: (output: FeedOutput) => void
  /** Closes the channel of a device that was removed; it is told the revocation, base64, where there is one. */
  readonly disconnect: (node: NodeId, revocation: string | undefined) => void
  /** What is known to be revoked: all at first, then what is new. */
  readonly onRevoked?: (revocations: readonly Uint8Array[]) => void
  /** Closes the channel of a device that is known by another channel key now. */
  readonly onRekeyed: (node: NodeId) => void
  readonly crypto: CryptoProvider
  readonly random: Random
  readonly clock: Clock
  readonly logger: Logger
  /** How long devices that were online have to come back before their peers are told that they are gone. */
  readonly returning: Duration
  /** The system's where it is left away. */
  readonly alarm?: Alarm
}
