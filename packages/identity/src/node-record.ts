import { concatBytes, equalBytes } from '@weft/base'
import {
  type CryptoProvider,
  KEM_PUBLIC_KEY_LENGTH,
  type NodeId,
  nodeIdOf,
  PUBLIC_KEY_LENGTH,
  type PublicKey,
  publicKeyBytes,
  publicKeyFromBytes,
  SIGNATURE_LENGTH,
} from '@weft/keys'
import { IdentityError } from './identity-error.ts'
import type { NodeKeys } from './node-keys.ts'
import { appendSignature, decodeInteger, encodeInteger, holdsSignature } from './signed-bytes.ts'

/**
 * A node's record: its public keys and a sequence number, signed by its identity key. docs/protocols/records.md
 *
 *     0     format: 1                 73    channel key
 *     1     sequence number           105   probe key
 *     9     identity key              137   encapsulation key, 1184 bytes
 *     41    node key                  1321  signature
 *
 * Trailing bytes are refused. It is forwarded verbatim: whoever passes it on passes `bytes`.
 */
export interface NodeRecord {
  /** From 1. */
  readonly sequence: number
  readonly nodeId: NodeId
  readonly identityKey: PublicKey<'identity'>
  readonly nodeKey: PublicKey<'node'>
  readonly channelKey: PublicKey<'channel'>
  readonly probeKey: PublicKey<'probe'>
  readonly kemKey: PublicKey<'kem'>
  readonly bytes: Uint8Array
}

const FORMAT = 1
const CONTEXT = 'weft record 1'
const IDENTITY_AT = 9
const NODE_AT = IDENTITY_AT + PUBLIC_KEY_LENGTH
const CHANNEL_AT = NODE_AT + PUBLIC_KEY_LENGTH
const PROBE_AT = CHANNEL_AT + PUBLIC_KEY_LENGTH
const KEM_AT = PROBE_AT + PUBLIC_KEY_LENGTH
const SIGNATURE_AT = KEM_AT + KEM_PUBLIC_KEY_LENGTH
export const RECORD_LENGTH = SIGNATURE_AT + SIGNATURE_LENGTH

/** Throws `RangeError` where the sequence number is not an integer from 1 to 2^53 - 1. */
export function createRecord(keys: NodeKeys, sequence: number, crypto: CryptoProvider): Uint8Array {
  if (sequence < 1) throw new RangeError(`a record's sequence number counts from 1, not ${sequence}`)
  const publicKeys = [keys.identity, keys.node, keys.channel, keys.probe, keys.kem].map((key) =>
    publicKeyBytes(key.publicKey(crypto)),
  )
  const content = concatBytes(Uint8Array.of(FORMAT), encodeInteger(sequence), ...publicKeys)
  return appendSignature(CONTEXT, content, keys.identity, crypto)
}

/** Throws `IdentityError` `record-malformed` or `record-forged`. */
export function readRecord(bytes: Uint8Array, crypto: CryptoProvider): NodeRecord {
  if (bytes.length !== RECORD_LENGTH) throw malformed(`it has ${bytes.length} bytes instead of ${RECORD_LENGTH}`)
  if (bytes[0] !== FORMAT) throw malformed(`its format is ${bytes[0]}, and this weft knows ${FORMAT}`)
  const sequence = decodeInteger(bytes, 1)
  if (sequence === undefined || sequence === 0) throw malformed('its sequence number is out of range')
  const identityKey = publicKeyFromBytes('identity', bytes.subarray(IDENTITY_AT, NODE_AT))
  if (!holdsSignature(CONTEXT, bytes, identityKey, crypto)) {
    throw new IdentityError(
      'record-forged',
      'the record is not signed by its identity key: it was altered on the way; only its own node can make one that holds',
    )
  }
  return {
    sequence,
    nodeId: nodeIdOf(identityKey, crypto),
    identityKey,
    nodeKey: publicKeyFromBytes('node', bytes.subarray(NODE_AT, CHANNEL_AT)),
    channelKey: publicKeyFromBytes('channel', bytes.subarray(CHANNEL_AT, PROBE_AT)),
    probeKey: publicKeyFromBytes('probe', bytes.subarray(PROBE_AT, KEM_AT)),
    kemKey: publicKeyFromBytes('kem', bytes.subarray(KEM_AT, SIGNATURE_AT)),
    bytes: bytes.slice(),
  }
}

/** Whether who knows a node by the one record accepts the other: of the same identity, and newer or the same bytes. */
export function recordMayFollow(next: NodeRecord, known: NodeRecord): boolean {
  return (
    next.identityKey === known.identityKey && (next.sequence > known.sequence || equalBytes(next.bytes, known.bytes))
  )
}

function malformed(why: string): IdentityError {
  return new IdentityError(
    'record-malformed',
    `this is no record of a node: ${why}; if the other side is newer, update weft`,
  )
}
