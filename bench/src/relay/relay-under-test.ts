import type { Socket } from 'node:net'

/** A relay in a process of its own, and a way to be its client. */
export interface RelayUnderTest {
  readonly name: string
  readonly pid: number
  /** Resolves when the relay has let it in. */
  connect(): Promise<RelayLink>
  stop(): Promise<void>
}

/** One client's open connection. What comes is only counted, by the socket. */
export interface RelayLink {
  /** As this relay's clients know each other. */
  readonly id: string
  readonly socket: Socket
  /** Bytes with which one datagram arrives. */
  readonly receivedLength: number
  /** So many datagrams for that client, as they go over the wire: they can be written again and again. */
  datagramsTo(id: string, count: number): Uint8Array
}

/** Bytes: what a full packet of a path becomes. */
export const DATAGRAM_LENGTH = 1_312
