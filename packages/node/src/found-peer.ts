import type { IpAddress } from '@weft/base'
import { type DeviceText, refersTo } from '@weft/dns'
import type { Peer } from './peer.ts'
import type { PeerTable, RefusedPeer } from './peer-table.ts'
import type { Places } from './places.ts'

/** Whom a text means. */
export type Found =
  | { readonly peer: Peer; readonly address: IpAddress }
  | { readonly withheld: Peer }
  | { readonly refused: RefusedPeer }

/** `refused` where the peer is kept aside, `withheld` where the name is another's. */
export function findPeer(
  meant: DeviceText,
  { peers, places }: { readonly peers: PeerTable; readonly places: Places },
): Found | undefined {
  let withheld: Peer | undefined
  for (const peer of peers.peers()) {
    const { id, name, address4 } = peer.claim
    if (!refersTo(meant, { id, name, addresses: peer.addresses })) continue
    if (meant.kind !== 'name' || !places.isOthers('name', name, id))
      return { peer, address: meant.kind === 'address' ? meant.address : address4 }
    withheld ??= peer
  }
  if (withheld !== undefined) return { withheld }
  for (const refused of peers.refused()) {
    const { id, name, address4 } = refused.claim
    if (refersTo(meant, { id, name, addresses: [address4] })) return { refused }
  }
  return undefined
}
