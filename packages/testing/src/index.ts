/** What tests share: contracts that every implementation of an interface must pass, a seeded random, a manual clock, packets. */
export { cryptoContract } from './crypto-contract.ts'
export { datapathContract } from './datapath-contract/datapath-contract.ts'
export { type DatapathHarness, HARNESS_SOCKET, type ReportOf } from './datapath-contract/harness.ts'
export { FarEnd } from './far-end.ts'
export { ManualClock } from './manual-clock.ts'
export { seededRandom } from './seeded-random.ts'
export { type Delivery, SimulatedNetwork, type Weather } from './simulated-network.ts'
export { addressOf, icmpPacket, ipPacket, tcpPacket, udpPacket } from './test-packets.ts'
