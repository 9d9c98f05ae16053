import type { Endpoint, Instant } from '@weft/base'
import type { DatapathCommand, DatapathReport, DropCounters, PeerMeter, SocketId } from '@weft/datapath'
import type { PeerIndex } from '@weft/wireguard'

export type ReportOf<Kind extends DatapathReport['kind']> = Extract<DatapathReport, { readonly kind: Kind }>

/** The socket that a harness has open from the beginning. */
export const HARNESS_SOCKET = 0 as SocketId

/** A datapath under test with its surroundings. `take…` and `until` reject when it takes too long. */
export interface DatapathHarness {
  tell(command: DatapathCommand): void
  /** A tunnel packet from this machine, as through the TUN. */
  portPacket(packet: Uint8Array): void
  /** The next tunnel packet that was delivered to this machine. */
  takePortPacket(): Promise<Uint8Array>
  /** Two ends of the underlay that the open socket reaches. */
  readonly remote: Endpoint
  readonly other: Endpoint
  /** A datagram from one of them, `remote` by default, to the open socket. */
  receive(datagram: Uint8Array, from?: Endpoint): void
  /** The next datagram that came to one of them, `remote` by default. */
  takeDatagram(at?: Endpoint): Promise<Uint8Array>
  /** The next report of the kind; others are kept. */
  takeReport<Kind extends DatapathReport['kind']>(kind: Kind): Promise<ReportOf<Kind>>
  /** How many reports of the kind came and were not taken. */
  untaken(kind: DatapathReport['kind']): number
  meter(peer: PeerIndex): PeerMeter
  drops(): DropCounters
  now(): Instant
  until(holds: () => boolean): Promise<void>
  /** For the datapath, the node's last beat is older than `HEARTBEAT_LIMIT` from here on. */
  fallSilent(): Promise<void>
  close(): Promise<void>
}
