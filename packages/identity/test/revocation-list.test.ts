import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nativeCrypto } from '@weft/crypto'
import { meshIdOf, type PublicKey } from '@weft/keys'
import fc from 'fast-check'
import {
  type ChainKeys,
  chainKeys,
  createRevocation,
  MAX_REVOCATIONS,
  type RevocableKey,
  RevocationList,
  type Revoker,
} from '../src/index.ts'
import {
  account,
  accountCertificate,
  alice,
  at,
  chain,
  crypto,
  HOUR,
  keyOf,
  link,
  mesh,
  refused,
  root,
  START,
  YEAR,
} from './fixture.ts'

const NOW = at(START + HOUR)
const SKEW = 600
const own = chainKeys(chain())
const byAccount: Revoker = { key: account, certificate: accountCertificate() }

function revocationOf(revoked: RevocableKey, revoker: Revoker = byAccount, keptUntil = START + YEAR): Uint8Array {
  return createRevocation({ revoked, signedAt: START, keptUntil }, revoker, crypto)
}

function listOf(...revocations: readonly Uint8Array[]): RevocationList {
  const list = new RevocationList(mesh, crypto)
  for (const each of revocations) assert.equal(list.add(each, NOW), 'new')
  return list
}

test('a chain holds as long as none of its keys is revoked', () => {
  assert.equal(listOf(revocationOf(keyOf('identity', 9).publicKey(crypto))).of(own), undefined)
  for (const key of [alice, link]) assert.ok(listOf(revocationOf(key.publicKey(crypto))).of(own))
  for (const key of [alice, link, account])
    assert.ok(listOf(revocationOf(key.publicKey(crypto), { key: root })).of(own))
})

test('an account revokes nothing of another account, and no account', () => {
  const other = keyOf('account', 2)
  const certificate = accountCertificate({ subject: other.publicKey(crypto) })
  const byOther: Revoker = { key: other, certificate }
  for (const key of [alice, link, account])
    assert.equal(listOf(revocationOf(key.publicKey(crypto), byOther)).of(own), undefined)
  assert.equal(listOf(revocationOf(account.publicKey(crypto))).of(own), undefined)
})

test('a revocation that does not hold changes nothing', () => {
  const list = listOf()
  const foreign = revocationOf(alice.publicKey(crypto), { key: keyOf('root', 2) })
  assert.throws(() => list.add(foreign, NOW), refused('revocation-foreign'))
  assert.deepEqual(list.all(), [])
  assert.equal(list.of(own), undefined)
})

test('the same is known when it comes again, and the one that lasts longest is kept', () => {
  const key = alice.publicKey(crypto)
  const list = listOf(revocationOf(key))
  assert.equal(list.add(revocationOf(key), NOW), 'known')
  assert.equal(list.add(revocationOf(key, byAccount, START + YEAR - 1), NOW), 'known')
  assert.equal(list.add(revocationOf(key, byAccount, START + YEAR + 1), NOW), 'new')
  assert.deepEqual(
    list.all().map(({ keptUntil }) => keptUntil),
    [START + YEAR + 1],
  )
})

test('a revocation is forgotten once the certificates have ended for everyone, and not before', () => {
  const list = listOf(revocationOf(alice.publicKey(crypto)))
  list.prune(at(START + YEAR + SKEW))
  assert.ok(list.of(own))
  list.prune(at(START + YEAR + SKEW + 1))
  assert.equal(list.of(own), undefined)
  assert.equal(list.add(revocationOf(alice.publicKey(crypto)), at(START + YEAR + SKEW + 1)), 'expired')
  assert.deepEqual(list.all(), [])
})

test('a full list takes no more, and goes on with what it has', () => {
  const rootKey = root.publicKey(nativeCrypto)
  const list = new RevocationList(meshIdOf(rootKey, nativeCrypto), nativeCrypto)
  const make = (n: number, keptUntil = START + YEAR) => {
    const revoked = Buffer.alloc(32).fill(1)
    revoked.writeUInt32BE(n)
    const fields = {
      revoked: revoked.toString('base64') as PublicKey<'identity'>,
      signedAt: START,
      keptUntil,
    }
    return createRevocation(fields, { key: root }, nativeCrypto)
  }
  for (let n = 0; n < MAX_REVOCATIONS; n++) assert.equal(list.add(make(n), NOW), 'new')
  assert.equal(list.add(make(MAX_REVOCATIONS), NOW), 'full')
  assert.equal(list.add(make(0), NOW), 'known')
  assert.equal(list.all().length, MAX_REVOCATIONS)
  assert.equal(list.add(make(0, START + 3 * YEAR), at(START + 2 * YEAR)), 'new', 'what has ended makes room')
  assert.equal(list.add(make(MAX_REVOCATIONS, START + 3 * YEAR), at(START + 2 * YEAR)), 'new')
  assert.equal(list.all().length, 2)
})

test('any list judges as looking at every revocation does', () => {
  const accounts = [keyOf('account', 1), keyOf('account', 2)] as const
  const keys = [1, 2, 3].map((n) => ({ identity: keyOf('identity', n), link: keyOf('link', n) }))
  const revocables: readonly RevocableKey[] = [
    ...accounts.map((key) => key.publicKey(crypto)),
    ...keys.flatMap(({ identity, link: each }) => [identity.publicKey(crypto), each.publicKey(crypto)]),
  ]
  const revokers: readonly Revoker[] = [
    { key: root },
    ...accounts.map((key) => ({ key, certificate: accountCertificate({ subject: key.publicKey(crypto) }) })),
  ]
  const revocation = fc.record({ revoked: fc.constantFrom(...revocables), by: fc.nat(revokers.length - 1) })
  const chains: readonly ChainKeys[] = accounts.flatMap((each) =>
    keys.map(({ identity, link: linkOf }) => ({
      rootKey: root.publicKey(crypto),
      accountKey: each.publicKey(crypto),
      linkKey: linkOf.publicKey(crypto),
      identityKey: identity.publicKey(crypto),
    })),
  )
  fc.assert(
    fc.property(fc.array(revocation, { maxLength: 6 }), (made) => {
      const list = new RevocationList(mesh, crypto)
      for (const { revoked, by } of made) list.add(revocationOf(revoked, revokers[by]), NOW)
      for (const each of chains) {
        const isRevoked = made.some(({ revoked, by }) => {
          const issuer = revokers[by]?.key.publicKey(crypto)
          if (issuer === each.rootKey)
            return [each.accountKey, each.linkKey, each.identityKey].includes(revoked as never)
          return issuer === each.accountKey && [each.linkKey, each.identityKey].includes(revoked as never)
        })
        assert.equal(list.of(each) !== undefined, isRevoked)
      }
    }),
    { numRuns: 60 },
  )
})
