import {
  concatBytes,
  type Endpoint,
  endpointOf,
  endpointParts,
  fromHex,
  invariant,
  ipBytes,
  ipFromBytes,
  toHex,
  viewOf,
} from '@weft/base'
import type { NodeId } from '@weft/keys'

/*
 * What two nodes say to each other about paths, inside the seal (probe-seal.ts). docs/protocols/paths.md
 *
 *   0  1  type: 1 probe, 2 reply, 3 call me maybe, 4 carry, 5 probe by relay, 6 reply by relay
 *   1  8  sequence: grows with every message of its sender
 *
 *   probe   9  8  transaction         17  …  zeros, so that no answer is longer than its question
 *   reply   9  8  transaction         17  19  where the probe was heard from
 *   call    9  1  flags               10  1  relays, at most 2, 16 bytes each; then 1, endpoints, at most 32, 19 bytes each
 *   carry   9  16  node id            25  …  a call as it was sealed for that node, 1 to 1,024 bytes
 *   by relay: the probe  9  8  transaction    17  1  flags;  the reply  9  8  transaction
 *
 * An endpoint is its family (4 or 6), 16 bytes of address (IPv4: 4, then zeros) and 2 of port. Trailing bytes are refused.
 */
const PROBE = 1
const REPLY = 2
const CALL = 3
const CARRY = 4
const RELAY_PROBE = 5
const RELAY_REPLY = 6
const HEADER = 9
export const TRANSACTION_LENGTH = 8
const ENDPOINT_LENGTH = 19
const NODE_ID_LENGTH = 16
const LEAST_PROBE = HEADER + TRANSACTION_LENGTH + ENDPOINT_LENGTH
const MOST_PROBE = 1500
const FLAG_LOST = 1
const FLAG_UNHEARD = 1
const RELAY_REPLY_LENGTH = HEADER + TRANSACTION_LENGTH
const MAX_RELAYS = 2
const MAX_ENDPOINTS = 32
const MAX_CARRIED = 1024

/** What a probe and its reply have in common, in hexadecimal. */
export type ProbeTransaction = string

export type ProbeMessage =
  /** `length` of the whole body, at least that of a reply. */
  | {
      readonly kind: 'probe'
      readonly sequence: number
      readonly transaction: ProbeTransaction
      readonly length?: number
    }
  | {
      readonly kind: 'reply'
      readonly sequence: number
      readonly transaction: ProbeTransaction
      readonly observed: Endpoint
    }
  /** Where its sender may be heard now; `lost`: what it was reached by before is gone. */
  | {
      readonly kind: 'call'
      readonly sequence: number
      readonly lost: boolean
      readonly relays: readonly NodeId[]
      readonly endpoints: readonly Endpoint[]
    }
  /** What one node sealed for another: for a common peer to carry there, who says the same to that node. */
  | { readonly kind: 'carry'; readonly sequence: number; readonly node: NodeId; readonly datagram: Uint8Array }
  /** Whether the relay carries both ways; `unheard`: it does, and yet nothing that answers data arrives. */
  | {
      readonly kind: 'relay-probe'
      readonly sequence: number
      readonly transaction: ProbeTransaction
      readonly unheard: boolean
    }
  | { readonly kind: 'relay-reply'; readonly sequence: number; readonly transaction: ProbeTransaction }

export function encodeProbeMessage(message: ProbeMessage): Uint8Array {
  switch (message.kind) {
    case 'probe': {
      const padding = new Uint8Array(Math.max(LEAST_PROBE, message.length ?? 0) - HEADER - TRANSACTION_LENGTH)
      return concatBytes(header(PROBE, message.sequence), bytesOf(message.transaction), padding)
    }
    case 'reply':
      return concatBytes(header(REPLY, message.sequence), bytesOf(message.transaction), endpointOn(message.observed))
    case 'call': {
      const relays = message.relays.slice(0, MAX_RELAYS)
      const endpoints = message.endpoints.slice(0, MAX_ENDPOINTS)
      return concatBytes(
        header(CALL, message.sequence),
        Uint8Array.of(message.lost ? FLAG_LOST : 0, relays.length),
        ...relays.map(bytesOf),
        Uint8Array.of(endpoints.length),
        ...endpoints.map(endpointOn),
      )
    }
    case 'carry':
      return concatBytes(header(CARRY, message.sequence), bytesOf(message.node), message.datagram)
    case 'relay-probe': {
      const flags = Uint8Array.of(message.unheard ? FLAG_UNHEARD : 0)
      return concatBytes(header(RELAY_PROBE, message.sequence), bytesOf(message.transaction), flags)
    }
    case 'relay-reply':
      return concatBytes(header(RELAY_REPLY, message.sequence), bytesOf(message.transaction))
  }
}

/** `undefined` where the bytes are none. */
export function decodeProbeMessage(body: Uint8Array): ProbeMessage | undefined {
  if (body.length < HEADER || body.length > MOST_PROBE) return undefined
  const sequence = Number(viewOf(body).getBigUint64(1))
  if (!Number.isSafeInteger(sequence)) return undefined
  switch (body[0]) {
    case PROBE:
      return body.length >= LEAST_PROBE
        ? { kind: 'probe', sequence, transaction: transactionIn(body), length: body.length }
        : undefined
    case REPLY: {
      const observed =
        body.length === LEAST_PROBE ? readEndpoint(body.subarray(HEADER + TRANSACTION_LENGTH)) : undefined
      return observed && { kind: 'reply', sequence, transaction: transactionIn(body), observed }
    }
    case CALL:
      return readCall(body, sequence)
    case CARRY:
      return readCarry(body, sequence)
    case RELAY_PROBE: {
      const flags = body.length === RELAY_REPLY_LENGTH + 1 ? (body[RELAY_REPLY_LENGTH] ?? 0) : FLAG_UNHEARD + 1
      if (flags > FLAG_UNHEARD) return undefined
      return { kind: 'relay-probe', sequence, transaction: transactionIn(body), unheard: flags === FLAG_UNHEARD }
    }
    case RELAY_REPLY:
      return body.length === RELAY_REPLY_LENGTH
        ? { kind: 'relay-reply', sequence, transaction: transactionIn(body) }
        : undefined
    default:
      return undefined
  }
}

function readCall(body: Uint8Array, sequence: number): ProbeMessage | undefined {
  const flags = body[HEADER]
  const relayCount = body[HEADER + 1]
  if (flags === undefined || flags > FLAG_LOST || relayCount === undefined || relayCount > MAX_RELAYS) return undefined
  const endpointsAt = HEADER + 2 + relayCount * NODE_ID_LENGTH
  const count = body[endpointsAt]
  if (count === undefined || count > MAX_ENDPOINTS) return undefined
  if (body.length !== endpointsAt + 1 + count * ENDPOINT_LENGTH) return undefined
  const relays = Array.from({ length: relayCount }, (_, i) => {
    const at = HEADER + 2 + i * NODE_ID_LENGTH
    return toHex(body.subarray(at, at + NODE_ID_LENGTH)) as NodeId
  })
  const endpoints: Endpoint[] = []
  for (let at = endpointsAt + 1; at < body.length; at += ENDPOINT_LENGTH) {
    const endpoint = readEndpoint(body.subarray(at, at + ENDPOINT_LENGTH))
    if (endpoint === undefined) return undefined
    endpoints.push(endpoint)
  }
  return { kind: 'call', sequence, lost: flags === FLAG_LOST, relays, endpoints }
}

function readCarry(body: Uint8Array, sequence: number): ProbeMessage | undefined {
  const at = HEADER + NODE_ID_LENGTH
  if (body.length <= at || body.length > at + MAX_CARRIED) return undefined
  return { kind: 'carry', sequence, node: toHex(body.subarray(HEADER, at)) as NodeId, datagram: body.slice(at) }
}

function header(type: number, sequence: number): Uint8Array {
  const bytes = new Uint8Array(HEADER)
  bytes[0] = type
  viewOf(bytes).setBigUint64(1, BigInt(sequence))
  return bytes
}

const transactionIn = (body: Uint8Array): ProbeTransaction => toHex(body.subarray(HEADER, HEADER + TRANSACTION_LENGTH))

function endpointOn(endpoint: Endpoint): Uint8Array {
  const { address, port } = endpointParts(endpoint)
  const bytes = new Uint8Array(ENDPOINT_LENGTH)
  const ip = ipBytes(address)
  bytes[0] = ip.length === 4 ? 4 : 6
  bytes.set(ip, 1)
  viewOf(bytes).setUint16(17, port)
  return bytes
}

function readEndpoint(bytes: Uint8Array): Endpoint | undefined {
  const length = bytes[0] === 4 ? 4 : bytes[0] === 6 ? 16 : 0
  const port = viewOf(bytes).getUint16(17)
  if (length === 0 || port === 0 || bytes.subarray(1 + length, 17).some((byte) => byte !== 0)) return undefined
  return endpointOf(ipFromBytes(bytes.subarray(1, 1 + length)), port)
}

function bytesOf(hex: string): Uint8Array {
  const bytes = fromHex(hex)
  invariant(bytes !== undefined, 'ids are hexadecimal')
  return bytes
}
