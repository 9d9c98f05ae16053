import { type Random, type WallTime, wallTime } from '@weft/base'
import { type KeyRole, meshIdOf, PrivateKey } from '@weft/keys'
import { portableCrypto } from '@weft/keys/portable'
import {
  type CertificateFields,
  createCertificate,
  encodeChain,
  generateNodeKeys,
  IdentityError,
  type IdentityErrorCode,
} from '../src/index.ts'

export const crypto = portableCrypto

/** The same keys in every run: each of the role's first letter and a number. */
export function keyOf<Role extends KeyRole>(role: Role, number = 1): PrivateKey<Role> {
  return new PrivateKey(role, new Uint8Array(role === 'kem' ? 64 : 32).fill(role.charCodeAt(0) + number))
}

/** Counts: no randomness, but no two values alike. */
export function countingRandom(): Random {
  let next = 0
  return {
    fill(bytes) {
      for (let i = 0; i < bytes.length; i++) bytes[i] = next++ & 0xff
    },
  }
}

export const aliceKeys = generateNodeKeys(countingRandom())
export const root = keyOf('root')
export const account = keyOf('account')
export const link = keyOf('link')
export const alice = aliceKeys.identity
export const mesh = meshIdOf(root.publicKey(crypto), crypto)

/** Seconds since 1970. */
export const START = 1_700_000_000
export const HOUR = 3_600
export const YEAR = 365 * 24 * HOUR
export const at = (seconds: number): WallTime => wallTime(seconds * 1000)

export function accountCertificate(change: Partial<CertificateFields<'account'>> = {}, issuer = root): Uint8Array {
  const fields = { notBefore: START, notAfter: START + 10 * YEAR, grantsUntil: START + 10 * YEAR, tags: [] }
  return createCertificate(
    { kind: 'account', subject: account.publicKey(crypto), ...fields, ...change },
    issuer,
    crypto,
  )
}

/** As a root file holds it. */
export function accountNumber(number: number, issuer = root) {
  const key = keyOf('account', number)
  return { name: `account ${number}`, key, certificate: accountCertificate({ subject: key.publicKey(crypto) }, issuer) }
}

export function linkCertificate(change: Partial<CertificateFields<'link'>> = {}, issuer = account): Uint8Array {
  const fields = { notBefore: START, notAfter: START + 24 * HOUR, grantsUntil: START + YEAR, tags: ['lab', 'server'] }
  return createCertificate({ kind: 'link', subject: link.publicKey(crypto), ...fields, ...change }, issuer, crypto)
}

export function deviceCertificate(change: Partial<CertificateFields<'device'>> = {}, issuer = link): Uint8Array {
  const fields = { notBefore: START + HOUR, notAfter: START + YEAR, grantsUntil: 0, tags: ['lab', 'server'] }
  return createCertificate({ kind: 'device', subject: alice.publicKey(crypto), ...fields, ...change }, issuer, crypto)
}

export const chain = (): Uint8Array => encodeChain([accountCertificate(), linkCertificate(), deviceCertificate()])

export function refused(...codes: IdentityErrorCode[]): (error: unknown) => boolean {
  return (error) => error instanceof IdentityError && codes.includes(error.code)
}

/** The value, or `undefined` where the decoder refused it in the one way that it may. */
export function tolerant<Value>(decode: () => Value): Value | undefined {
  try {
    return decode()
  } catch (error) {
    if (error instanceof IdentityError) return undefined
    throw error
  }
}

/** All copies of the bytes with one byte changed. */
export function* flipped(bytes: Uint8Array): Generator<Uint8Array> {
  for (let i = 0; i < bytes.length; i++) {
    const copy = bytes.slice()
    copy[i] = (copy[i] ?? 0) ^ (1 << (i % 8))
    yield copy
  }
}

/** All beginnings of the bytes, and the bytes with one more. */
export function* wrongLengths(bytes: Uint8Array): Generator<Uint8Array> {
  for (let length = 0; length < bytes.length; length++) yield bytes.slice(0, length)
  const longer = new Uint8Array(bytes.length + 1)
  longer.set(bytes)
  yield longer
}
