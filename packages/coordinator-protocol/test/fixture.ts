import { type Endpoint, type IpAddress, type Prefix, type Random, toBase64, type WallTime, wallTime } from '@weft/base'
import { createChannelCertificate, RECORD_LENGTH } from '@weft/identity'
import { type KeyRole, meshIdOf, type NodeId, PrivateKey } from '@weft/keys'
import { portableCrypto } from '@weft/keys/portable'
import type { Netmap, NetmapChange, NetmapPeer } from '../src/index.ts'

export const crypto = portableCrypto

/** The same keys in every run. */
export function keyOf<Role extends KeyRole>(role: Role, number = 1): PrivateKey<Role> {
  return new PrivateKey(role, new Uint8Array(32).fill(role.charCodeAt(0) + number))
}

/** Counts: no randomness, but no two keys alike. */
export function countingRandom(start = 0): Random {
  let next = start
  return {
    fill(bytes) {
      for (let i = 0; i < bytes.length; i++) bytes[i] = (next++ * 7) & 0xff
    },
  }
}

/** Seconds since 1970. */
export const START = 1_700_000_000
export const DAY = 86_400
export const at = (seconds: number): WallTime => wallTime(seconds * 1000)

export const coordinatorKey = keyOf('coordinator')
export const serverChannelKey = keyOf('channel', 2)
export const aliceChannelKey = keyOf('channel', 1)

export function channelCertificate(
  change: { notBefore?: number; notAfter?: number } = {},
  issuer = coordinatorKey,
): Uint8Array {
  const fields = { channelKey: serverChannelKey.publicKey(crypto), notBefore: START, notAfter: START + DAY }
  return createChannelCertificate({ ...fields, ...change }, issuer, crypto)
}

export const nodeIdNumber = (number: number): NodeId => number.toString(16).padStart(32, '0') as NodeId

export const record = toBase64(new Uint8Array(RECORD_LENGTH))
export const chain = toBase64(new Uint8Array(500))

export function peer(number: number, change: Partial<NetmapPeer> = {}): NetmapPeer {
  return {
    id: nodeIdNumber(number),
    name: `node-${number}`,
    owner: 'alice',
    address4: `100.64.${number >> 8}.${number & 0xff}` as IpAddress,
    record,
    chain,
    endpoints: ['192.0.2.1:7481' as Endpoint, '[2001:db8::1]:7481' as Endpoint],
    online: true,
    ...change,
  }
}

const rootKey = keyOf('root').publicKey(crypto)

export function netmap(number: number, peers: readonly NetmapPeer[] = [], change: Partial<Netmap> = {}): Netmap {
  return {
    type: 'netmap',
    epoch: 'first',
    number,
    mesh: { id: meshIdOf(rootKey, crypto), rootKey, domain: 'weft', range: '100.64.0.0/18' as Prefix },
    self: { id: nodeIdNumber(0xa), name: 'alice', owner: 'alice', address4: '100.64.0.10' as IpAddress },
    peers,
    grants: [],
    revocations: [],
    ...change,
  }
}

export function change(from: number, number: number, content: Partial<NetmapChange> = {}): NetmapChange {
  return { type: 'change', epoch: 'first', from, number, upsert: [], remove: [], ...content }
}
