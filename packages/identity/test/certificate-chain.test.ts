import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHex } from '@weft/base'
import { accountIdOf, meshIdOf, nodeIdOf } from '@weft/keys'
import fc from 'fast-check'
import {
  createDeviceCertificate,
  decodeChain,
  encodeChain,
  type LinkGrant,
  MAX_CHAIN_LENGTH,
  readCertificate,
  verifyChain,
  verifyLinkCertificates,
} from '../src/index.ts'
import {
  account,
  accountCertificate,
  alice,
  at,
  chain,
  crypto,
  deviceCertificate,
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

const SKEW = 600
const NOW = START + 2 * HOUR

test('a chain proves root, account, link, device and tags', () => {
  assert.deepEqual(verify(chain()), {
    rootKey: root.publicKey(crypto),
    accountKey: account.publicKey(crypto),
    account: accountIdOf(account.publicKey(crypto), crypto),
    linkKey: link.publicKey(crypto),
    identityKey: alice.publicKey(crypto),
    nodeId: nodeIdOf(alice.publicKey(crypto), crypto),
    notAfter: START + YEAR,
    tags: ['lab', 'server'],
  })
})

test('the format of chains is as it was', () => {
  const parts = [accountCertificate(), linkCertificate(), deviceCertificate()]
  assert.deepEqual(decodeChain(chain()), parts)
  assert.equal(toHex(chain().subarray(0, 4)), '009b0101')
  assert.equal(chain().length, 6 + parts.reduce((sum, part) => sum + part.length, 0))
  assert.equal(toHex(crypto.sha256(chain())), CHAIN_HASH)
})

test('a chain with any byte changed is refused', () => {
  const codes = [
    'certificate-malformed',
    'certificate-forged',
    'chain-malformed',
    'chain-broken',
    'chain-foreign',
  ] as const
  for (const bytes of flipped(chain())) assert.throws(() => verify(bytes), refused(...codes))
})

test('a chain of any other length is refused', () => {
  for (const bytes of wrongLengths(chain())) assert.throws(() => verify(bytes), refused('chain-malformed'))
})

test('a chain of another number of certificates, or too long, is refused', () => {
  const two = chain().subarray(0, -deviceCertificate().length - 2)
  assert.throws(() => verify(two), refused('chain-malformed'))
  assert.throws(() => verify(Uint8Array.of(...chain(), 0, 0)), refused('chain-malformed'))
  assert.throws(() => verify(new Uint8Array(MAX_CHAIN_LENGTH + 1)), refused('chain-malformed'))
  assert.throws(() => encodeChain([accountCertificate()]))
})

test('the chain of a foreign root is refused', () => {
  const foreign = accountCertificate({}, keyOf('root', 2))
  assert.throws(() => verify(encodeChain([foreign, linkCertificate(), deviceCertificate()])), refused('chain-foreign'))
  const other = meshIdOf(keyOf('root', 2).publicKey(crypto), crypto)
  assert.throws(() => verifyChain({ chain: chain(), mesh: other, at: at(NOW), crypto }), refused('chain-foreign'))
})

test('certificates in another order or place are refused', () => {
  const parts = [accountCertificate(), linkCertificate(), deviceCertificate()] as const
  for (const [a, b, c] of [
    [1, 0, 2],
    [0, 2, 1],
    [0, 0, 2],
    [0, 1, 1],
    [2, 2, 2],
    [1, 1, 2],
  ] as const) {
    assert.throws(() => verify(encodeChain([parts[a], parts[b], parts[c]])), refused('chain-broken'))
  }
})

test("a link's key used as an account's is refused", () => {
  const asAccount = accountCertificate({ subject: link.publicKey(crypto) as never })
  assert.throws(() => verify(encodeChain([asAccount, linkCertificate(), deviceCertificate()])), refused('chain-broken'))
})

test('a certificate that another account, or another link, issued is refused', () => {
  const bobsLink = linkCertificate({}, keyOf('account', 2))
  assert.throws(
    () => verify(encodeChain([accountCertificate(), bobsLink, deviceCertificate()])),
    refused('chain-broken'),
  )
  const byOtherLink = deviceCertificate({}, keyOf('link', 2))
  assert.throws(
    () => verify(encodeChain([accountCertificate(), linkCertificate(), byOtherLink])),
    refused('chain-broken'),
  )
})

test('a certificate that claims an issuer who did not sign it is refused', () => {
  const forged = linkCertificate({}, keyOf('account', 2))
  forged.set(linkCertificate().subarray(2, 34), 2)
  assert.throws(
    () => verify(encodeChain([accountCertificate(), forged, deviceCertificate()])),
    refused('certificate-forged'),
  )
})

test('no child outlives what its parent grants, or begins outside of it', () => {
  const good = accountCertificate()
  const broken: Record<string, Uint8Array> = {
    'link outlives account': encodeChain([
      accountCertificate({ grantsUntil: START + HOUR }),
      linkCertificate(),
      deviceCertificate(),
    ]),
    'link grants longer than account': encodeChain([
      good,
      linkCertificate({ grantsUntil: START + 11 * YEAR }),
      deviceCertificate(),
    ]),
    'link before account': encodeChain([good, linkCertificate({ notBefore: START - 1 }), deviceCertificate()]),
    'device outlives what the link grants': encodeChain([
      good,
      linkCertificate(),
      deviceCertificate({ notAfter: START + YEAR + 1 }),
    ]),
    'device before link': encodeChain([good, linkCertificate(), deviceCertificate({ notBefore: START - 1 })]),
    'device after the link expired': encodeChain([
      good,
      linkCertificate(),
      deviceCertificate({ notBefore: START + 24 * HOUR + 1 }),
    ]),
  }
  for (const [what, bytes] of Object.entries(broken)) {
    assert.throws(() => verify(bytes), refused('chain-broken'), what)
  }
})

test("a device has its link's tags, and an account has none", () => {
  for (const tags of [[], ['lab'], ['lab', 'server', 'spare'], ['lab', 'other']]) {
    const bytes = encodeChain([accountCertificate(), linkCertificate(), deviceCertificate({ tags })])
    assert.throws(() => verify(bytes), refused('chain-broken'), tags.join())
  }
  const tagged = accountCertificate({ tags: ['admin'] })
  assert.throws(() => verify(encodeChain([tagged, linkCertificate(), deviceCertificate()])), refused('chain-broken'))
})

test('a chain holds from device and account begin to end, with ten minutes of skew either way', () => {
  const begin = START + HOUR
  const end = START + YEAR
  const shortAccount = encodeChain([
    accountCertificate({ notAfter: START + 30 * HOUR }),
    linkCertificate(),
    deviceCertificate(),
  ])
  const table: readonly (readonly [Uint8Array, number, 'valid' | 'chain-expired' | 'chain-not-yet-valid'])[] = [
    [chain(), begin - SKEW - 1, 'chain-not-yet-valid'],
    [chain(), begin - SKEW, 'valid'],
    [chain(), begin, 'valid'],
    // The link itself expired long ago: that says when it may be used, not how long the device stays.
    [chain(), START + 100 * HOUR, 'valid'],
    [chain(), end, 'valid'],
    [chain(), end + SKEW, 'valid'],
    [chain(), end + SKEW + 1, 'chain-expired'],
    [shortAccount, START + 30 * HOUR + SKEW, 'valid'],
    [shortAccount, START + 30 * HOUR + SKEW + 1, 'chain-expired'],
  ]
  for (const [bytes, moment, expected] of table) {
    if (expected === 'valid') verify(bytes, moment)
    else assert.throws(() => verify(bytes, moment), refused(expected), `${moment - START}`)
  }
})

test('a chain is proven no longer than its account holds', () => {
  const bytes = encodeChain([
    accountCertificate({ notAfter: START + HOUR * 3 }),
    linkCertificate(),
    deviceCertificate(),
  ])
  assert.equal(verify(bytes).notAfter, START + HOUR * 3)
})

test('a joining node learns what its link grants, and what it then signs is a chain that holds', () => {
  const grant = grantOf()
  assert.deepEqual(grant, {
    rootKey: root.publicKey(crypto),
    account: accountIdOf(account.publicKey(crypto), crypto),
    notBefore: START,
    notAfter: START + 24 * HOUR,
    grantsUntil: START + YEAR,
    tags: ['lab', 'server'],
  })
  const proven = verify(encodeChain([accountCertificate(), linkCertificate(), deviceByGrant(grant, NOW)]))
  assert.equal(proven.identityKey, alice.publicKey(crypto))
  assert.deepEqual(proven.tags, grant.tags)
})

test("a device's own clock may be ten minutes off when it joins", () => {
  for (const moment of [START - SKEW, START + 24 * HOUR + SKEW]) {
    const device = deviceByGrant(grantOf(moment), moment)
    verify(encodeChain([accountCertificate(), linkCertificate(), device]), moment)
    const { notBefore } = readCertificate(device, crypto)
    assert.ok(notBefore >= START && notBefore <= START + 24 * HOUR)
  }
})

test('a joining node refuses certificates of another mesh, of another link, and expired ones', () => {
  const good = { account: accountCertificate(), link: linkCertificate(), linkKey: link.publicKey(crypto), moment: NOW }
  const other = keyOf('link', 2).publicKey(crypto)
  const table = [
    [{ ...good, account: accountCertificate({}, keyOf('root', 2)) }, 'chain-foreign'],
    [{ ...good, linkKey: other }, 'chain-broken'],
    [{ ...good, link: deviceCertificate() }, 'chain-broken'],
    [{ ...good, account: linkCertificate() }, 'chain-broken'],
    [{ ...good, link: linkCertificate({}, keyOf('account', 2)) }, 'chain-broken'],
    [{ ...good, moment: START + 24 * HOUR + SKEW + 1 }, 'chain-expired'],
    [{ ...good, moment: START - SKEW - 1 }, 'chain-not-yet-valid'],
    [{ ...good, link: new Uint8Array(3) }, 'certificate-malformed'],
  ] as const
  for (const [{ moment, ...certificates }, code] of table) {
    assert.throws(
      () => verifyLinkCertificates({ ...certificates, mesh, at: at(moment), crypto }),
      refused(code),
      `${code} expected`,
    )
  }
})

test('a joining node refuses certificates with a changed byte', () => {
  const codes = ['certificate-malformed', 'certificate-forged', 'chain-broken', 'chain-foreign'] as const
  for (const bytes of flipped(linkCertificate())) {
    assert.throws(() => grantOf(NOW, { link: bytes }), refused(...codes))
  }
  for (const bytes of flipped(accountCertificate())) {
    assert.throws(() => grantOf(NOW, { account: bytes }), refused(...codes))
  }
})

test('what is wrong is said in a sentence with what to do', () => {
  assert.throws(() => verify(chain(), START + 2 * YEAR), {
    name: 'IdentityError',
    message:
      "the device certificate expired at 2024-11-13 22:13 UTC: check this machine's clock, or ask for a new join link",
  })
})

test('no bytes make the verifier of chains throw anything but IdentityError', () => {
  const template = chain()
  const mutated = fc.array(fc.tuple(fc.nat(template.length - 1), fc.nat(255)), { maxLength: 4 }).map((changes) => {
    const bytes = template.slice()
    for (const [i, value] of changes) bytes[i] = value
    return bytes
  })
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 5000 })), (bytes) => {
      const read = tolerant(() => verify(bytes))
      assert.ok(read === undefined || toHex(bytes) === toHex(template))
    }),
  )
})

function verify(bytes: Uint8Array, moment = NOW) {
  return verifyChain({ chain: bytes, mesh, at: at(moment), crypto })
}

function grantOf(moment = NOW, change: { account?: Uint8Array; link?: Uint8Array } = {}): LinkGrant {
  return verifyLinkCertificates({
    account: accountCertificate(),
    link: linkCertificate(),
    mesh,
    linkKey: link.publicKey(crypto),
    at: at(moment),
    crypto,
    ...change,
  })
}

function deviceByGrant(grant: LinkGrant, moment: number): Uint8Array {
  return createDeviceCertificate({ grant, link, identityKey: alice.publicKey(crypto), at: at(moment), crypto })
}

const CHAIN_HASH = 'beaf51a5108c6e1498c92b62680e8b3429053e8c48ab9bdc9864136f8bb2e792'
