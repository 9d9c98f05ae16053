import type { IncomingMessage } from 'node:http'
import { MAX_MESSAGE } from '@weft/relay-protocol'
import { WebSocketServer } from 'ws'

/** WebSockets of one of these subprotocols, the best first, for upgrades that a server hands over. */
export function takeUpgrades(...subprotocols: readonly string[]): WebSocketServer {
  return new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE,
    perMessageDeflate: false,
    clientTracking: false,
    handleProtocols: (offered) => subprotocols.find((each) => offered.has(each)) ?? false,
  })
}

/** Whether the request asks for one of them. */
export function asksFor(request: IncomingMessage, ...subprotocols: readonly string[]): boolean {
  const offered = String(request.headers['sec-websocket-protocol'] ?? '').split(',')
  return offered.some((name) => subprotocols.includes(name.trim()))
}
