/** Words that every other part uses: bytes, addresses, moments; and the interfaces of clock, random, log and core. */
export type { Brand } from './brand.ts'
export {
  concatBytes,
  equalBytes,
  fromBase64,
  fromBase64Url,
  fromHex,
  isZero,
  textOf,
  toBase64,
  toBase64Url,
  toHex,
  utf8,
  viewOf,
} from './bytes.ts'
export { type Alarm, type Core, CoreRunner } from './core.ts'
export { type DatagramRun, datagramCount, datagramsOf, runOf } from './datagram-run.ts'
export { assertNever, InvariantError, invariant } from './invariant.ts'
export {
  type Endpoint,
  endpointBytes,
  endpointOf,
  endpointParts,
  type Family,
  familyOf,
  hostPrefix,
  type IpAddress,
  type IpScope,
  ipBytes,
  ipFromBytes,
  isPrivate,
  type Prefix,
  parseEndpoint,
  parseIp,
  parsePrefix,
  prefixContains,
  prefixOf,
  prefixParts,
  scopeOf,
} from './ip.ts'
export { type LogFields, type Logger, silentLogger } from './logger.ts'
export { type Random, randomBytes, randomFraction, randomUint32 } from './random.ts'
export {
  between,
  type Clock,
  type Duration,
  earliest,
  type Instant,
  instant,
  later,
  milliseconds,
  type Now,
  seconds,
  type WallTime,
  wallTime,
} from './time.ts'
export { type Rate, TokenBucket } from './token-bucket.ts'
