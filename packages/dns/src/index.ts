/** Names of the mesh: which there are, who answers for them, and how the machine's own resolver learns of it. */

export { type DeviceText, readDeviceText, refersTo } from './device-text.ts'
export type { ForwardingOutput, Transport } from './forwarding.ts'
export { toAscii, toUnicode } from './idna.ts'
export { chooseWay, type NameServiceChoice, type ResolverFacts } from './name-service-choice.ts'
export {
  isNumberLabel,
  isReservedLabel,
  lookalikeOf,
  type ReadLabel,
  readDeviceLabel,
  readLabel,
  shownName,
} from './names.ts'
export { asksFirst, resolvConfFor, searchedIn, upstreamsIn, withoutWeft } from './resolv-conf.ts'
export { type NameDirectory, Resolver, type ResolverInput, type ResolverOutput } from './resolver.ts'
export { resolverAddress } from './resolver-address.ts'
export type {
  NameServiceSetup,
  NameServiceState,
  NameServiceWay,
  OpenNameServiceSetup,
  UpstreamResolver,
  WantedNameService,
} from './resolver-setup.ts'
export { reverseDomains } from './reverse.ts'
export { Takeovers } from './takeovers.ts'
export type { MeshNames, MeshRecord, NamedDevice } from './zone.ts'
