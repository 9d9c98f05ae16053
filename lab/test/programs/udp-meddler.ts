/**
 * `udp-meddler PORT HOST HOST_PORT`: carries datagrams between whoever sends to PORT and HOST, as a path would that duplicates
 * every datagram, delivers groups of four in reverse, and once more what was long ago. Handshakes pass in order, twice.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'

const [port = '', host = '', hostPort = ''] = process.argv.slice(2)
const GROUP = 4
const GROUP_MS = 20
const KEPT = 64
const TRANSPORT_DATA = 4

const front = createSocket('udp4')
const back = createSocket('udp4')
let client: RemoteInfo | undefined

class Direction {
  #group: Buffer[] = []
  readonly #kept: Buffer[] = []
  readonly #send: (datagram: Buffer) => void

  constructor(send: (datagram: Buffer) => void) {
    this.#send = send
  }

  carry(datagram: Buffer): void {
    if (datagram[0] !== TRANSPORT_DATA) {
      this.#send(datagram)
      this.#send(datagram)
      return
    }
    this.#group.push(datagram)
    if (this.#group.length === 1) setTimeout(() => this.#release(), GROUP_MS)
    else if (this.#group.length === GROUP) this.#release()
  }

  #release(): void {
    for (const datagram of this.#group.reverse()) {
      this.#send(datagram)
      this.#send(datagram)
      this.#kept.push(datagram)
      const old = this.#kept.length > KEPT ? this.#kept.shift() : undefined
      if (old !== undefined) this.#send(old)
    }
    this.#group = []
  }
}

const forth = new Direction((datagram) => back.send(datagram, Number(hostPort), host))
const home = new Direction((datagram) => client && front.send(datagram, client.port, client.address))
front.on('message', (datagram, from) => {
  client = from
  forth.carry(datagram)
})
back.on('message', (datagram) => home.carry(datagram))
await Promise.all([bound(front, Number(port)), bound(back, 0)])
console.log('carrying')

function bound(socket: Socket, at: number): Promise<void> {
  return new Promise((resolve) => socket.bind(at, resolve))
}
