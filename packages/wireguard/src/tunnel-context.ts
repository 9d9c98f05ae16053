import type { Random } from '@weft/base'
import type { CryptoProvider } from '@weft/keys'
import type { EngineMeters, EngineOutput } from './engine-interface.ts'
import type { LocalKeys } from './handshake.ts'
import type { TimestampSource } from './handshake-timestamp.ts'
import type { Tunnel } from './tunnel.ts'

/** What all tunnels of an engine share. */
export interface TunnelContext<Source> {
  readonly crypto: CryptoProvider
  readonly random: Random
  /** The own keys, those that are tried first, first. None: there is no private key. */
  locals: readonly LocalKeys[]
  readonly takeIndex: () => number
  readonly timestamps: TimestampSource
  readonly meters: EngineMeters
  readonly emit: (output: EngineOutput<Source>) => void
  /** Which tunnel's initiation waits for a response to that index. */
  readonly awaiting: Map<number, Tunnel<Source>>
  /** Which tunnel's last message a cookie reply to that index is for. */
  readonly cookieAwaiting: Map<number, Tunnel<Source>>
}
