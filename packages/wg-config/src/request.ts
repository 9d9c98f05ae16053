import type { Endpoint, Prefix } from '@weft/base'
import type { PrivateKey, PublicKey } from '@weft/keys'
import type { Errno } from './errno.ts'

/** What a client of the configuration socket asks for. */
export type Request =
  | { readonly kind: 'get' }
  | { readonly kind: 'set'; readonly change: DeviceChange }
  /** It is answered with the errno; `isLast`: nothing after it can be understood. */
  | { readonly kind: 'refused'; readonly errno: Errno; readonly reason: string; readonly isLast: boolean }

/** What is to become of the device. Absent: as it is. */
export interface DeviceChange {
  readonly privateKey?: PrivateKey<'node'> | 'none'
  /** 0: any. */
  readonly listenPort?: number
  /** 0: none. */
  readonly fwmark?: number
  readonly replacesPeers: boolean
  /** In order; a peer may come more than once. */
  readonly peers: readonly PeerChange[]
}

/** What is to become of a peer, which is made where it is not there. Absent: as it is. */
export interface PeerChange {
  readonly publicKey: PublicKey<'node'>
  readonly isRemoved: boolean
  /** It is not made where it is not there. */
  readonly updatesOnly: boolean
  /** 32 bytes; all zero: none. */
  readonly presharedKey?: Uint8Array
  readonly endpoint?: Endpoint
  /** Seconds; 0: never. */
  readonly persistentKeepalive?: number
  readonly replacesAllowedIps: boolean
  /** In order. */
  readonly allowedIps: readonly AllowedIpChange[]
}

export interface AllowedIpChange {
  readonly prefix: Prefix
  readonly isRemoved: boolean
}
