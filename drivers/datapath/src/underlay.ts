import type { Family } from '@weft/base'
import type { DirectPath, Path, SocketId } from '@weft/datapath'
import { addressOf, SystemError } from '@weft/native'
import type { PeerIndex } from '@weft/wireguard'
import { OutgoingMessage } from './outgoing-message.ts'
import { UdpSocket } from './udp-socket.ts'

/** More than any search for a path opens; the system's own limit on descriptors is 1,024 and up. */
export const MAX_SOCKETS = 512

interface Route {
  readonly socket: SocketId
  readonly message: OutgoingMessage
  /** -1 while the socket is not open. */
  fd: number
  /** Of the last datagram that came on it, where it follows the peer. */
  origin?: Uint8Array
}

/** A lane's underlay sockets, and the way to each peer that has a direct path. */
export class Underlay {
  readonly #sockets = new Map<SocketId, UdpSocket>()
  readonly #routes: (Route | undefined)[] = []
  #opened: readonly UdpSocket[] = []
  #mark = 0

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
        ? { socket: path.socket, message: new OutgoingMessage(path.remote, path.local), fd: this.#fdOf(path.socket) }
        : undefined
  }

  /** Those opened later have it too. `onRefused` is told of those without, and the error's code. */
  setMark(mark: number, onRefused: (socket: SocketId, code: string) => void): void {
    this.#mark = mark
    for (const socket of this.#opened) {
      try {
        socket.setMark(mark)
      } catch (error) {
        if (!(error instanceof SystemError)) throw error
        onRefused(socket.id, error.code)
      }
    }
  }

  /** Sends to the peer on the way back of the socket's last datagram; the path, where it was another one before. */
  follow(peer: PeerIndex, socket: UdpSocket): DirectPath | undefined {
    const before = this.#routes[peer]
    if (before?.socket === socket.id && before.origin !== undefined && socket.cameFrom(before.origin)) return undefined
    const path = socket.origin()
    this.setPath(peer, path)
    const route = this.#routes[peer]
    if (route !== undefined) route.origin = socket.copyOrigin()
    return path
  }

  /** False where there is no direct path or the datagram was not taken. */
  sendToPeer(peer: PeerIndex, address: number, length: number): boolean {
    const route = this.#routes[peer]
    return route !== undefined && route.fd >= 0 && route.message.send(route.fd, address, length)
  }

  send(path: DirectPath, datagram: Uint8Array): boolean {
    const fd = this.#fdOf(path.socket)
    if (fd < 0 || datagram.length === 0) return false
    return new OutgoingMessage(path.remote, path.local).send(fd, addressOf(datagram), datagram.length)
  }

  #fdOf(id: SocketId): number {
    return this.#sockets.get(id)?.fd ?? -1
  }

  #settle(): void {
    this.#opened = [...this.#sockets.values()]
    for (const route of this.#routes) if (route !== undefined) route.fd = this.#fdOf(route.socket)
  }
}
