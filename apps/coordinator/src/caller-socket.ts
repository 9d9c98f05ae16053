import { relayUrl } from '@weft/relay/link'
import { answerToCaller } from '@weft/relay-protocol'
import { WebSocket } from 'ws'

const SUBPROTOCOL = 'weft.relay.1'
const HANDSHAKE_TIMEOUT_MS = 8_000
const MAX_FRAME = 65_535

/**
 * Comes for a caller at a relay: connects to it once more, and says the token that the relay told. From then on the socket is
 * as one that the caller opened to the coordinator itself. `undefined` where that fails.
 */
export async function answerCaller(place: string, token: Uint8Array): Promise<WebSocket | undefined> {
  const { promise, resolve } = Promise.withResolvers<WebSocket | undefined>()
  const socket = new WebSocket(relayUrl(place), SUBPROTOCOL, {
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    maxPayload: MAX_FRAME,
    perMessageDeflate: false,
    // What passes is sealed; who signed the web certificate does not matter.
    rejectUnauthorized: false,
  })
  socket.on('error', () => {})
  socket.once('close', () => resolve(undefined))
  socket.once('message', (challenge) => {
    const answer = challenge instanceof Uint8Array ? answerToCaller(challenge, token) : undefined
    if (answer === undefined) {
      socket.terminate()
      return
    }
    socket.send(answer)
    // The caller's first frame may follow at once: nobody listens to it yet.
    socket.pause()
    resolve(socket)
  })
  return promise
}
