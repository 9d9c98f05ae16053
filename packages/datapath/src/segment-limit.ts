import { TAG, TRANSPORT_HEADER } from '@weft/wireguard'

/** Tunnel packets that links are often made for: what jumbo frames, Ethernet, PPPoE, tunnels in tunnels and IPv6's least MTU leave. */
const USUAL_LIMITS = [
  8912, 4016, 1440, 1420, 1412, 1400, 1380, 1360, 1340, 1320, 1300, 1280, 1200, 1100, 1000, 800, 576,
]

/** Bytes that a tunnel packet's datagram has more: WireGuard paper §5.4.6. */
export const TUNNEL_OVERHEAD = TRANSPORT_HEADER + TAG

/** The longest tunnel packet to try where datagrams of so many bytes are too long. */
export function segmentLimitBelow(datagramBytes: number): number {
  const packet = datagramBytes - TUNNEL_OVERHEAD
  return USUAL_LIMITS.find((limit) => limit < packet) ?? Math.max(256, packet >>> 1)
}
