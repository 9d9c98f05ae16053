import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concatBytes, toHex, viewOf } from '@weft/base'
import { meshIdOf } from '@weft/keys'
import fc from 'fast-check'
import { createRevocation, MAX_REVOCATION_LENGTH, readRevocation } from '../src/index.ts'
import {
  account,
  accountCertificate,
  alice,
  crypto,
  flipped,
  HOUR,
  keyOf,
  link,
  linkCertificate,
  mesh,
  refused,
  root,
  START,
  tolerant,
  wrongLengths,
  YEAR,
} from './fixture.ts'

const fields = { revoked: alice.publicKey(crypto), signedAt: START + HOUR, keptUntil: START + YEAR }
const byAccount = (change: Partial<typeof fields> = {}, certificate = accountCertificate()) =>
  createRevocation({ ...fields, ...change }, { key: account, certificate }, crypto)
const byRoot = () => createRevocation(fields, { key: root }, crypto)
const read = (bytes: Uint8Array) => readRevocation(bytes, mesh, crypto)

test('a revocation by an account says what was put into it', () => {
  const bytes = byAccount()
  assert.deepEqual(read(bytes), { issuer: account.publicKey(crypto), ...fields, bytes })
})

test('a revocation by the root says what was put into it, and shows no certificate', () => {
  const bytes = byRoot()
  assert.deepEqual(read(bytes), { issuer: root.publicKey(crypto), ...fields, bytes })
  assert.equal(bytes.length, 83 + 64)
})

test('the format of revocations is as it was', () => {
  assert.equal(toHex(byRoot()), ROOT_REVOCATION)
  assert.equal(toHex(crypto.sha256(byAccount())), ACCOUNT_REVOCATION_HASH)
})

test('a revocation with any byte changed is refused', () => {
  const codes = [
    'revocation-malformed',
    'revocation-forged',
    'revocation-foreign',
    'certificate-malformed',
    'certificate-forged',
  ] as const
  for (const bytes of [...flipped(byAccount()), ...flipped(byRoot())])
    assert.throws(() => read(bytes), refused(...codes))
})

test('a revocation of any other length is refused', () => {
  for (const bytes of [...wrongLengths(byAccount()), ...wrongLengths(byRoot())])
    assert.throws(() => read(bytes), refused('revocation-malformed'))
})

test('a revocation of another mesh is refused', () => {
  const other = meshIdOf(keyOf('root', 2).publicKey(crypto), crypto)
  for (const bytes of [byAccount(), byRoot()])
    assert.throws(() => readRevocation(bytes, other, crypto), refused('revocation-foreign'))
})

test('nobody revokes in the name of an account without its key', () => {
  const eve = keyOf('account', 2)
  const asEve = createRevocation(fields, { key: eve, certificate: accountCertificate() }, crypto)
  assert.throws(() => read(asEve), refused('revocation-malformed'))
  const content = byAccount().slice(0, -64)
  const context = new TextEncoder().encode('weft revocation 1\0')
  const forged = concatBytes(content, crypto.ed25519Sign(eve.expose(), concatBytes(context, content)))
  assert.throws(() => read(forged), refused('revocation-forged'))
})

test('an account that the root did not certify revokes nothing', () => {
  const own = accountCertificate({}, keyOf('root', 2))
  own.set(accountCertificate().subarray(2, 34), 2)
  assert.throws(() => read(byAccount({}, own)), refused('certificate-forged'))
})

test("a join link's certificate makes no revoker", () => {
  assert.throws(() => read(byAccount({}, linkCertificate({ tags: [] }))), refused('revocation-malformed'))
})

test('a signature of another kind is none of a revocation', () => {
  const content = byRoot().slice(0, -64)
  const context = new TextEncoder().encode('weft certificate 1\0')
  const signed = concatBytes(content, crypto.ed25519Sign(root.expose(), concatBytes(context, content)))
  assert.throws(() => read(signed), refused('revocation-forged'))
})

test('a revocation is kept no longer than its account holds', () => {
  assert.equal(read(byAccount({ keptUntil: START + 10 * YEAR })).keptUntil, START + 10 * YEAR)
  assert.throws(() => read(byAccount({ keptUntil: START + 10 * YEAR + 1 })), refused('revocation-malformed'))
})

test('impossible times make no revocation, and are refused where they are signed', () => {
  assert.throws(() => byAccount({ signedAt: START + 2 * YEAR }))
  for (const [at, value] of [
    [65, 2n ** 53n],
    [73, 2n ** 64n - 1n],
    [73, 1n],
  ] as const) {
    const content = byRoot().slice(0, -64)
    viewOf(content).setBigUint64(at, value)
    const context = new TextEncoder().encode('weft revocation 1\0')
    const signed = concatBytes(content, crypto.ed25519Sign(root.expose(), concatBytes(context, content)))
    assert.throws(() => read(signed), refused('revocation-malformed'))
  }
})

test('what is made of any allowed fields is read as it was, by whoever knows the mesh alone', () => {
  const time = fc.nat(2 ** 30)
  const key = fc.constantFrom(alice.publicKey(crypto), link.publicKey(crypto), account.publicKey(crypto))
  fc.assert(
    fc.property(key, time, time, fc.boolean(), (revoked, signedAt, length, isRoot) => {
      const made = { revoked, signedAt, keptUntil: signedAt + length }
      const revoker = isRoot
        ? { key: root }
        : { key: account, certificate: accountCertificate({ notAfter: 2 ** 32, grantsUntil: 2 ** 32 }) }
      const bytes = createRevocation(made, revoker, crypto)
      assert.ok(bytes.length <= MAX_REVOCATION_LENGTH)
      assert.deepEqual(read(bytes), { issuer: revoker.key.publicKey(crypto), ...made, bytes })
    }),
    { numRuns: 30 },
  )
})

test('no bytes make the decoder of revocations throw anything but IdentityError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 900 }), (bytes) => {
      assert.equal(
        tolerant(() => read(bytes)),
        undefined,
      )
    }),
  )
})

const ROOT_REVOCATION =
  '01fec1428673f6afe89264b3807344ae8b269d125a503855202687db5a7128579f03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8000000006553ff100000000067352480000011253fd2c3502b19ebec05c7cf483a05ec54846f55fd85a207712affb01cc2d00d693052cf84ac35e195fa85e879b5ff2abc4bc4e058d5798898c21d30278105'
const ACCOUNT_REVOCATION_HASH = '8e6886f2d850a206fec146a039330f3c8c827fe6a452915da86cd154b1c48b04'
