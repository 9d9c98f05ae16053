import { MAX_MESSAGE } from '@weft/relay-protocol'
import { WebSocketServer } from 'ws'

/** WebSockets of that subprotocol, for upgrades that a server hands over. */
export function takeUpgrades(subprotocol: string): WebSocketServer {
  return new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE,
    perMessageDeflate: false,
    clientTracking: false,
    handleProtocols: (offered) => (offered.has(subprotocol) ? subprotocol : false),
  })
}
