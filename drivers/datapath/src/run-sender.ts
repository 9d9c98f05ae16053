import type { SealedRuns, SocketId } from '@weft/datapath'
import type { PeerIndex } from '@weft/wireguard'
import { BATCH_MESSAGES, OutgoingBatch } from './outgoing-batch.ts'
import type { OutgoingMessage } from './outgoing-message.ts'
import type { UdpSocket } from './udp-socket.ts'

/** The way to a peer that has a direct path. */
export interface Route {
  readonly id: SocketId
  /** Absent while the socket is not open. */
  socket: UdpSocket | undefined
  readonly message: OutgoingMessage
  /** Longer datagrams go out one by one: the route carries them in fragments only. */
  longest: number
  /** Of the last datagram that came on it, where it follows the peer. */
  origin?: Uint8Array
}

/** What a message in the batch holds. */
interface Pending {
  route: Route | undefined
  peer: number
  address: number
  bytes: number
  /** The length of each of its datagrams but the last; 0: it is one. */
  segment: number
}

/**
 * Sends runs of sealed datagrams: each as one message where the socket, the device and the route allow that, else one by one;
 * as many messages a call as there are for one socket.
 */
export class RunSender {
  readonly #routes: readonly (Route | undefined)[]
  readonly #onTooLong: (peer: PeerIndex, bytes: number) => void
  readonly #batch = new OutgoingBatch()
  readonly #pending: readonly Pending[] = Array.from({ length: BATCH_MESSAGES }, () => ({
    route: undefined,
    peer: 0,
    address: 0,
    bytes: 0,
    segment: 0,
  }))
  #socket: UdpSocket | undefined

  constructor(routes: readonly (Route | undefined)[], onTooLong: (peer: PeerIndex, bytes: number) => void) {
    this.#routes = routes
    this.#onTooLong = onTooLong
  }

  /** How many of the datagrams were not sent. */
  send(runs: SealedRuns, base: number): number {
    let lost = 0
    for (let run = 0; run < runs.count; run++) {
      const peer = runs.peer(run)
      const route = this.#routes[peer]
      const stride = runs.stride(run)
      const bytes = runs.bytes(run)
      if (route?.socket === undefined) {
        lost += Math.ceil(bytes / stride)
        continue
      }
      const address = base + runs.offset(run)
      const isWhole = bytes > stride && route.socket.canSegment && stride <= route.longest
      const step = isWhole ? bytes : stride
      for (let at = 0; at < bytes; at += step)
        lost += this.#add(route, peer, address + at, Math.min(step, bytes - at), isWhole ? stride : 0)
    }
    return lost + this.#flush()
  }

  #add(route: Route, peer: number, address: number, bytes: number, segment: number): number {
    const lost = this.#batch.isFull || route.socket !== this.#socket ? this.#flush() : 0
    const pending = this.#pending[this.#batch.count] as Pending
    this.#socket = route.socket
    pending.route = route
    pending.peer = peer
    pending.address = address
    pending.bytes = bytes
    pending.segment = segment
    this.#batch.add(route.message, address, bytes, segment)
    return lost
  }

  #flush(): number {
    const batch = this.#batch
    let lost = 0
    if (this.#socket !== undefined)
      for (let next = 0; next < batch.count; ) {
        const before = next
        next = batch.send(this.#socket.fd, before)
        if (next === before) lost += this.#retry(this.#pending[next++] as Pending, this.#socket, batch.error())
      }
    batch.clear()
    return lost
  }

  /** The kernel did not take a message: perhaps it takes its datagrams one by one. How many it did not. */
  #retry(pending: Pending, socket: UdpSocket, code: string): number {
    const { route, address, bytes, segment } = pending
    const step = segment === 0 ? bytes : segment
    if (route === undefined || code === 'EAGAIN') return Math.ceil(bytes / step)
    if (segment > 0 && code === 'EIO') socket.canSegment = false
    if (segment > 0 && code === 'EMSGSIZE') {
      route.longest = segment - 1
      this.#onTooLong(pending.peer as PeerIndex, segment)
    }
    let lost = 0
    for (let at = 0; at < bytes; at += step)
      if (!route.message.send(socket.fd, address + at, Math.min(step, bytes - at))) lost += 1
    return lost
  }
}
