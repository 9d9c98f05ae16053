import { MAX_MESSAGE, type RelayVersion } from '@weft/relay-protocol'
import { WebSocket } from 'ws'
import { reasonOf } from './connection-reason.ts'
import { throughProxy } from './web-proxy.ts'

const SUBPROTOCOLS = ['weft.relay.2', 'weft.relay.1']
const PATH = '/v1/relay'
const HANDSHAKE_TIMEOUT_MS = 8_000
// RFC 6455 §7.4.1
const POLICY = 1008
/** What waits because the network takes no more; frames beyond it are dropped, as a full queue of a router would. */
const MAX_WAITING = 1024 * 1024

export interface RelaySocketEvents {
  onOpen(version: RelayVersion): void
  onMessage(message: Uint8Array): void
  /** Once, also where it never opened. `reason` is for people. */
  onClose(reason: string): void
}

/** One WebSocket to a relay. Frames that are sent one after the other go out together. */
export class RelaySocket {
  readonly #socket: WebSocket
  readonly #events: RelaySocketEvents
  #frames: Uint8Array[] = []
  #bytes = 0
  #isClosed = false
  #reason = 'the connection was closed'

  /** @param place the relay's URL, `http(s)://…`. */
  constructor(place: string, events: RelaySocketEvents) {
    this.#events = events
    const url = relayUrl(place)
    this.#socket = new WebSocket(url, SUBPROTOCOLS, {
      ...throughProxy(url),
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      maxPayload: MAX_MESSAGE,
      perMessageDeflate: false,
      // What passes is sealed from node to node; who signed the web certificate does not matter.
      rejectUnauthorized: false,
      // Masks keep web pages from choosing the bytes on the wire (RFC 6455 §10.3). These are sealed, and no page's.
      generateMask: (mask) => mask.fill(0),
    })
    this.#socket.on('open', () => {
      if (!this.#isClosed) this.#events.onOpen(this.#socket.protocol === SUBPROTOCOLS[0] ? 2 : 1)
    })
    this.#socket.on('message', (data, isBinary) => {
      if (!this.#isClosed && isBinary && data instanceof Uint8Array) this.#events.onMessage(data)
    })
    this.#socket.on('error', (error) => {
      this.#reason = reasonOf(error)
    })
    this.#socket.on('close', (code, reason) => {
      if (code === POLICY) this.#reason = refusalText(reason.toString('latin1'))
      this.#onClose()
    })
  }

  send(frames: Uint8Array): void {
    if (this.#socket.readyState !== WebSocket.OPEN || this.#socket.bufferedAmount > MAX_WAITING) return
    if (this.#bytes + frames.length > MAX_MESSAGE) this.#flush()
    if (this.#frames.length === 0) setImmediate(() => this.#flush())
    this.#frames.push(frames)
    this.#bytes += frames.length
  }

  /** Nothing is told any more. */
  close(): void {
    this.#flush()
    this.#isClosed = true
    this.#socket.terminate()
  }

  /** This machine's address of the connection; `undefined` before there is one. */
  get localAddress(): string | undefined {
    const { _socket: socket } = this.#socket as unknown as { readonly _socket?: { readonly localAddress?: string } }
    return socket?.localAddress
  }

  #flush(): void {
    const [first] = this.#frames
    if (first === undefined) return
    const message = this.#frames.length === 1 ? first : Buffer.concat(this.#frames, this.#bytes)
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(message)
    this.#frames = []
    this.#bytes = 0
  }

  #onClose(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#events.onClose(this.#reason)
  }
}

/** What the relay says why it hangs up. */
function refusalText(code: string): string {
  if (code === 'coordinator-unknown' || code === 'chain-foreign') return 'it is the relay of another mesh'
  return /^[a-z-]{1,40}$/.test(code) ? `it refuses this device: ${code}` : 'it refuses this device'
}

/** The WebSocket's address, of a relay's URL. */
export function relayUrl(place: string): string {
  const url = new URL(place)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  url.pathname = `${url.pathname.replace(/\/$/, '')}${PATH}`
  return url.href
}
