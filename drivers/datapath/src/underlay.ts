import type { Family } from '@weft/base'
import type { DatapathCommand, DirectPath, Path, SealedRuns, SocketId } from '@weft/datapath'
import { addressOf, SystemError } from '@weft/native'
import type { PeerIndex } from '@weft/wireguard'
import type { IncomingBatch } from './incoming-batch.ts'
import { OutgoingMessage } from './outgoing-message.ts'
import { type Route, RunSender } from './run-sender.ts'
import { requireMark, UdpSocket } from './udp-socket.ts'

/** More than any search for a path opens; the system's own limit on descriptors is 1,024 and up. */
export const MAX_SOCKETS = 512

type DatagramToSend = Pick<Extract<DatapathCommand, { kind: 'send-datagram' }>, 'path' | 'datagram' | 'whole'>

/** A lane's underlay sockets, and the way to each peer that has a direct path. */
export class Underlay {
  readonly #sockets = new Map<SocketId, UdpSocket>()
  readonly #routes: (Route | undefined)[] = []
  readonly #sender: RunSender
  #opened: readonly UdpSocket[] = []
  #mark = 0

  /** `onTooLong`: datagrams of that length are too long to be sent to the peer many at a time. */
  constructor(onTooLong: (peer: PeerIndex, bytes: number) => void) {
    this.#sender = new RunSender(this.#routes, onTooLong)
  }

  get sockets(): readonly UdpSocket[] {
    return this.#opened
  }

  /** Throws a `SystemError`. An open socket of that number stays as it is then. */
  open(id: SocketId, family: Family, port: number): UdpSocket {
    if (this.#sockets.has(id)) throw new SystemError('socket', 'EEXIST')
    if (this.#sockets.size >= MAX_SOCKETS) throw new SystemError('socket', 'EMFILE')
    const socket = new UdpSocket(id, family, port, this.#mark)
    this.#sockets.set(id, socket)
    this.#settle()
    return socket
  }

  close(id: SocketId): void {
    this.#sockets.get(id)?.close()
    this.#sockets.delete(id)
    this.#settle()
  }

  closeAll(): void {
    for (const id of [...this.#sockets.keys()]) this.close(id)
  }

  /** A relayed path, or none, takes the direct one away. */
  setPath(peer: PeerIndex, path: Path | undefined): void {
    while (this.#routes.length <= peer) this.#routes.push(undefined)
    this.#routes[peer] =
      path?.kind === 'direct'
        ? {
            id: path.socket,
            socket: this.#sockets.get(path.socket),
            message: new OutgoingMessage(path.remote, path.local),
            longest: Number.MAX_SAFE_INTEGER,
          }
        : undefined
  }

  /** Those opened later have it too. Throws a `SystemError`; none of them has it then. */
  setMark(mark: number): void {
    requireMark(mark)
    for (const socket of this.#opened) socket.setMark(mark)
    this.#mark = mark
  }

  /** Sends to the peer on the way back of the socket's last datagram; the path, where it was another one before. */
  follow(peer: PeerIndex, incoming: IncomingBatch, message: number): DirectPath | undefined {
    const before = this.#routes[peer]
    const { socket } = incoming
    if (before?.id === socket && before.origin !== undefined && incoming.cameFrom(message, before.origin))
      return undefined
    const path = incoming.origin(message)
    this.setPath(peer, path)
    const route = this.#routes[peer]
    if (route !== undefined) route.origin = incoming.copyOrigin(message)
    return path
  }

  /** Sends runs that lie in memory at `base`; how many of the datagrams were not sent. */
  sendRuns(runs: SealedRuns, base: number): number {
    return this.#sender.send(runs, base)
  }

  /** `whole`: not in fragments. False where it was not sent. */
  send({ path, datagram, whole = false }: DatagramToSend): boolean {
    const socket = this.#sockets.get(path.socket)
    if (socket === undefined || datagram.length === 0) return false
    const message = new OutgoingMessage(path.remote, path.local)
    const send = () => message.send(socket.fd, addressOf(datagram), datagram.length)
    return whole ? socket.withoutFragments(send) : send()
  }

  #settle(): void {
    this.#opened = [...this.#sockets.values()]
    for (const route of this.#routes) if (route !== undefined) route.socket = this.#sockets.get(route.id)
  }
}
