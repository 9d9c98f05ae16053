import { type Prefix, toHex, type WallTime } from '@weft/base'
import type { PeerMeters } from '@weft/datapath'
import { type PrivateKey, publicKeyBytes } from '@weft/keys'
import type { PeerIndex } from '@weft/wireguard'
import { ERRNO, type Errno } from './errno.ts'
import type { WgPeer } from './wg-peer.ts'

const NO_KEY = new Uint8Array(32)

/** What an answer to `get` is made of. */
export interface DeviceFacts {
  readonly privateKey: PrivateKey<'node'> | undefined
  readonly port: number
  readonly fwmark: number
  readonly peers: Iterable<WgPeer>
  readonly meters: PeerMeters
  prefixesOf(peer: PeerIndex): readonly Prefix[]
}

/** The answer to `get`. What is not set is left out, as other implementations do. */
export function deviceText(facts: DeviceFacts): string {
  const lines: string[] = []
  if (facts.privateKey !== undefined) lines.push(`private_key=${toHex(facts.privateKey.expose())}`)
  if (facts.port !== 0) lines.push(`listen_port=${facts.port}`)
  if (facts.fwmark !== 0) lines.push(`fwmark=${facts.fwmark}`)
  for (const peer of facts.peers) addPeerLines(lines, peer, facts)
  lines.push('errno=0', '', '')
  return lines.join('\n')
}

/** The answer to anything else; 0: done. Negative, as `wg` reads it. */
export function errnoText(errno: Errno | undefined): string {
  return `errno=${errno === undefined ? 0 : -ERRNO[errno]}\n\n`
}

function addPeerLines(lines: string[], peer: WgPeer, facts: DeviceFacts): void {
  const { sentBytes, receivedBytes } = facts.meters.meter(peer.index)
  lines.push(
    `public_key=${toHex(publicKeyBytes(peer.publicKey))}`,
    `preshared_key=${toHex(peer.presharedKey ?? NO_KEY)}`,
    'protocol_version=1',
  )
  if (peer.endpoint !== undefined) lines.push(`endpoint=${peer.endpoint}`)
  lines.push(
    ...handshakeLines(peer.lastHandshake),
    `tx_bytes=${sentBytes}`,
    `rx_bytes=${receivedBytes}`,
    `persistent_keepalive_interval=${peer.persistentKeepalive}`,
  )
  for (const prefix of facts.prefixesOf(peer.index)) lines.push(`allowed_ip=${prefix}`)
}

function handshakeLines(at: WallTime | undefined): readonly string[] {
  const wall = Math.max(0, Math.floor(at ?? 0))
  return [`last_handshake_time_sec=${Math.floor(wall / 1000)}`, `last_handshake_time_nsec=${(wall % 1000) * 1_000_000}`]
}
