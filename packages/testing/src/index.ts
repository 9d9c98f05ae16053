/** What tests share: contracts that every implementation of an interface must pass, a seeded random, a manual clock, packets, a fuzzer. */
export { cryptoContract } from './crypto-contract.ts'
export { datapathContract } from './datapath-contract/datapath-contract.ts'
export { type DatapathHarness, HARNESS_SOCKET, type ReportOf } from './datapath-contract/harness.ts'
export { FarEnd } from './far-end.ts'
export { freePort } from './free-port.ts'
export { type FuzzScene, type FuzzTarget, fuzz } from './fuzz/fuzz.ts'
export { mutateJson } from './fuzz/json-mutation.ts'
export { type Mutation, mutateBytes, mutateText } from './fuzz/mutations.ts'
export { httpRequest, mutateHttp, say, statusOf, strangersRequests, webSocketRequest } from './fuzz/raw-http.ts'
export { ManualClock } from './manual-clock.ts'
export { NAT_KINDS, type NatKind, type NatName } from './nat-kinds.ts'
export { isLongRun, partSeed, runSeed, type SeededRandom, seededRandom } from './seeded-random.ts'
export {
  type Carried,
  routedPrefix,
  SimulatedInternet,
  type SimulatedSite,
} from './simulated-internet.ts'
export { addressOf, icmpPacket, ipPacket, tcpPacket, udpPacket } from './test-packets.ts'
export { MOST_QUEUED, Way, type Weather } from './way.ts'
export { WiredDatapath, type WiredHost } from './wired-datapath.ts'
