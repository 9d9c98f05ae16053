import { linkEndpointText } from '@weft/coordinator-protocol'
import type { LinkEndpoint } from '@weft/identity'
import { reasonOf, throughProxy } from '@weft/relay/link'
import { WebSocket } from 'ws'

const SUBPROTOCOL = 'weft.channel.1'
/** A frame is one Noise message. docs/protocols/channel.md */
const MAX_FRAME_BYTES = 65_535
const HANDSHAKE_TIMEOUT_MS = 8_000

export interface ChannelSocketEvents {
  onOpen(): void
  onFrame(frame: Uint8Array): void
  /** Once, also where it never opened. `reason` is for people. */
  onClose(reason: string): void
}

/** One WebSocket to a coordinator; what passes over it is sealed by the channel, which also notices when it dies. */
export class ChannelSocket {
  readonly #socket: WebSocket
  readonly #events: ChannelSocketEvents
  #isClosed = false
  #reason = 'the connection was closed'

  constructor(endpoint: LinkEndpoint, events: ChannelSocketEvents) {
    this.#events = events
    const url = channelUrl(endpoint)
    this.#socket = new WebSocket(url, SUBPROTOCOL, {
      ...throughProxy(url),
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      maxPayload: MAX_FRAME_BYTES,
      perMessageDeflate: false,
      // The coordinator is known by its own key; who signed its web certificate does not matter.
      rejectUnauthorized: false,
    })
    this.#socket.on('open', () => {
      if (!this.#isClosed) this.#events.onOpen()
    })
    this.#socket.on('message', (data, isBinary) => this.#onMessage(data, isBinary))
    this.#socket.on('error', (error) => {
      this.#reason = reasonOf(error)
    })
    this.#socket.on('close', () => this.#onClose())
  }

  send(frame: Uint8Array): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(frame)
  }

  /** Nothing is told any more. */
  close(): void {
    this.#isClosed = true
    this.#socket.terminate()
  }

  #onMessage(data: WebSocket.RawData, isBinary: boolean): void {
    if (this.#isClosed) return
    if (isBinary && data instanceof Uint8Array) this.#events.onFrame(new Uint8Array(data))
    else {
      this.#reason = 'what answers there is no weft coordinator'
      this.#socket.terminate()
    }
  }

  #onClose(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#events.onClose(this.#reason)
  }
}

/** The WebSocket's address, for an endpoint or a URL of a join link. */
function channelUrl(endpoint: LinkEndpoint): string {
  const url = new URL(linkEndpointText(endpoint))
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/channel`
  return url.href
}
