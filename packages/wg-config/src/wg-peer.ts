import { type Endpoint, endpointParts, familyOf, type WallTime } from '@weft/base'
import type { DirectPath } from '@weft/datapath'
import type { PublicKey } from '@weft/keys'
import type { PeerIndex } from '@weft/wireguard'
import type { ListenSockets } from './listen-sockets.ts'

/** What the device knows of one peer. */
export class WgPeer {
  readonly index: PeerIndex
  readonly publicKey: PublicKey<'node'>
  presharedKey: Uint8Array | undefined
  /** Where it was last heard, or was said to be. */
  endpoint: Endpoint | undefined
  /** The way to it, where there is a socket for its endpoint. */
  path: DirectPath | undefined
  /** Seconds; 0: never. */
  persistentKeepalive = 0
  lastHandshake: WallTime | undefined

  constructor(index: PeerIndex, publicKey: PublicKey<'node'>) {
    this.index = index
    this.publicKey = publicKey
  }

  /** Goes by the sockets that there now are. */
  rebind(sockets: ListenSockets): void {
    if (this.endpoint === undefined) return
    const socket = sockets.of(familyOf(endpointParts(this.endpoint).address))
    const local = this.path?.remote === this.endpoint ? this.path.local : undefined
    this.path =
      socket === undefined
        ? undefined
        : { kind: 'direct', socket, remote: this.endpoint, ...(local === undefined ? {} : { local }) }
  }

  moveTo(path: DirectPath): boolean {
    const before = this.path
    if (before?.socket === path.socket && before.remote === path.remote && before.local === path.local) return false
    this.path = path
    this.endpoint = path.remote
    return true
  }
}
