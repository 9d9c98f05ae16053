/** Where a server listens, and the ways that may lead to it: for the coordinator's, and a relay's. */
export { hangUp } from './hang-up.ts'
export { linkEndpoints, parsePublicUrl, type Reach, withRelays } from './link-endpoints.ts'
export { type ListenAddress, listenOn, listenText } from './listen-address.ts'
export { ListenError, type ListenErrorCode } from './listen-error.ts'
export { originOf } from './origin.ts'
export { asksFor, takeUpgrades } from './take-upgrades.ts'
