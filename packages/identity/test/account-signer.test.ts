import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  accountSigner,
  createAccountCertificate,
  createDeviceCertificate,
  encodeChain,
  readCertificate,
  readLink,
  signLink,
  verifyChain,
  verifyLinkCertificates,
} from '../src/index.ts'
import { account, alice, at, countingRandom, crypto, HOUR, keyOf, mesh, refused, root, START, YEAR } from './fixture.ts'

const certificate = createAccountCertificate({ account: account.publicKey(crypto), root, at: START, crypto })
const signer = accountSigner(certificate, account, crypto)
const place = {
  mesh,
  coordinatorKey: keyOf('coordinator').publicKey(crypto),
  endpoints: [{ kind: 'url' as const, url: 'https://weft.example' }],
}

const signed = (wish = { expiresSeconds: HOUR, tags: ['b', 'a', 'b'] }, now = START) =>
  signLink(wish, signer, place, { crypto, random: countingRandom(), at: now })

test('a link that an account signs lets a device in, with its tags', () => {
  const { text, certificate: linkCertificate } = signed()
  const { seed, ...rest } = readLink(text, crypto)
  assert.deepEqual(rest, place)
  const now = at(START + HOUR)
  const linkKey = seed.publicKey(crypto)
  const grant = verifyLinkCertificates({ account: certificate, link: linkCertificate, mesh, linkKey, at: now, crypto })
  assert.deepEqual([grant.tags, grant.notAfter], [['a', 'b'], START + HOUR])
  const identityKey = alice.publicKey(crypto)
  const device = createDeviceCertificate({ grant, link: seed, identityKey, at: now, crypto })
  const chain = encodeChain([certificate, linkCertificate, device])
  assert.equal(verifyChain({ chain, mesh, at: now, crypto }).account, signer.id)
})

test('a link lasts no longer than its account', () => {
  const end = START + 30 * YEAR
  const late = readCertificate(signed({ expiresSeconds: 9 * YEAR, tags: [] }, end - HOUR).certificate, crypto)
  assert.deepEqual([late.notAfter, late.grantsUntil], [end, end])
  const early = readCertificate(signed(undefined, START).certificate, crypto)
  assert.deepEqual([early.notBefore, early.grantsUntil], [START - HOUR, START + 10 * YEAR])
})

test('a key signs for no other account than its own', () => {
  assert.throws(() => accountSigner(certificate, keyOf('account', 2), crypto), refused('chain-broken'))
  assert.throws(() => accountSigner(signed().certificate, account, crypto), refused('chain-broken'))
})
