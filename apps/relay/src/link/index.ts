/** A visitor's connection to a relay, over WebSockets: of a member, or of the coordinator. */
export { reasonOf } from './connection-reason.ts'
export { RelayLink, type RelayLinkListener, type RelayWelcome } from './relay-link.ts'
export { relayUrl } from './relay-socket.ts'
export { throughProxy } from './web-proxy.ts'
