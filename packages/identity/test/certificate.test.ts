import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concatBytes, toHex, viewOf } from '@weft/base'
import fc from 'fast-check'
import { createCertificate, MAX_CERTIFICATE_LENGTH, readCertificate } from '../src/index.ts'
import {
  account,
  accountCertificate,
  alice,
  crypto,
  deviceCertificate,
  flipped,
  HOUR,
  keyOf,
  link,
  linkCertificate,
  refused,
  root,
  START,
  tolerant,
  wrongLengths,
  YEAR,
} from './fixture.ts'

test('certificates of all kinds say what was put into them', () => {
  assert.deepEqual(readCertificate(accountCertificate(), crypto), {
    kind: 'account',
    issuer: root.publicKey(crypto),
    subject: account.publicKey(crypto),
    notBefore: START,
    notAfter: START + 10 * YEAR,
    grantsUntil: START + 10 * YEAR,
    tags: [],
    bytes: accountCertificate(),
  })
  assert.deepEqual(readCertificate(linkCertificate(), crypto), {
    kind: 'link',
    issuer: account.publicKey(crypto),
    subject: link.publicKey(crypto),
    notBefore: START,
    notAfter: START + 24 * HOUR,
    grantsUntil: START + YEAR,
    tags: ['lab', 'server'],
    bytes: linkCertificate(),
  })
  assert.deepEqual(readCertificate(deviceCertificate(), crypto), {
    kind: 'device',
    issuer: link.publicKey(crypto),
    subject: alice.publicKey(crypto),
    notBefore: START + HOUR,
    notAfter: START + YEAR,
    grantsUntil: 0,
    tags: ['lab', 'server'],
    bytes: deviceCertificate(),
  })
})

test('the format of certificates is as it was', () => {
  assert.equal(toHex(linkCertificate()), LINK_CERTIFICATE)
})

test('a certificate with any byte changed is refused', () => {
  for (const bytes of flipped(linkCertificate())) {
    assert.throws(() => readCertificate(bytes, crypto), refused('certificate-malformed', 'certificate-forged'))
  }
})

test('a certificate of any other length is refused', () => {
  for (const bytes of wrongLengths(linkCertificate())) {
    assert.throws(() => readCertificate(bytes, crypto), refused('certificate-malformed'))
  }
})

test('tags are sorted when a certificate is made', () => {
  const made = linkCertificate({ tags: ['server', 'lab'] })
  assert.deepEqual(made, linkCertificate())
})

test('the largest certificate that can be made can be read', () => {
  const tags = Array.from({ length: 16 }, (_, i) => `${String.fromCharCode(97 + i)}`.repeat(32))
  const bytes = linkCertificate({ tags })
  assert.equal(bytes.length, MAX_CERTIFICATE_LENGTH)
  assert.deepEqual(readCertificate(bytes, crypto).tags, tags)
})

test('tags that the format does not allow make no certificate', () => {
  const seventeen = Array.from({ length: 17 }, (_, i) => `t${i}`)
  for (const tags of [['A'], [''], ['a'.repeat(33)], ['a', 'a'], ['ä'], ['a b'], seventeen]) {
    assert.throws(() => linkCertificate({ tags }), /tags/)
  }
})

test('fields that the format does not allow make no certificate', () => {
  assert.throws(() => linkCertificate({ notBefore: START, notAfter: START - 1 }))
  assert.throws(() => linkCertificate({ notAfter: 2 ** 53 }))
  assert.throws(() => linkCertificate({ notBefore: -1 }))
  assert.throws(() => deviceCertificate({ grantsUntil: 1 }))
})

test('signed tags that are unsorted, repeated, foreign or misplaced are refused', () => {
  const wrong: Record<string, number[]> = {
    unsorted: [2, 1, 0x62, 1, 0x61],
    repeated: [2, 1, 0x61, 1, 0x61],
    'upper case': [1, 1, 0x41],
    empty: [1, 0],
    'not UTF-8': [1, 1, 0xff],
    'too few': [2, 1, 0x61],
    'too many': [0, 1, 0x61],
    'cut off': [1, 9, 0x61],
    'seventeen of them': [17, ...Array.from({ length: 17 }, (_, i) => [1, 0x61 + i]).flat()],
  }
  for (const [what, tags] of Object.entries(wrong)) {
    const bytes = signedWithTags(tags)
    assert.throws(() => readCertificate(bytes, crypto), refused('certificate-malformed'), what)
  }
  assert.deepEqual(readCertificate(signedWithTags([1, 1, 0x61]), crypto).tags, ['a'])
})

test('a signed certificate with impossible times or kind is refused', () => {
  const patches: ((content: Uint8Array) => void)[] = [
    (content) => viewOf(content).setBigUint64(66, 2n ** 53n),
    (content) => viewOf(content).setBigUint64(74, 2n ** 64n - 1n),
    (content) => viewOf(content).setBigUint64(74, 1n),
    (content) => content.set([0], 1),
    (content) => content.set([4], 1),
    (content) => content.set([2], 0),
    (content) => content.set([3], 1),
  ]
  for (const patch of patches) {
    const content = linkCertificate({ tags: [] }).slice(0, -64)
    patch(content)
    assert.throws(() => readCertificate(resigned(content), crypto), refused('certificate-malformed'))
  }
})

test('a certificate that another key signed is refused', () => {
  const bytes = linkCertificate({}, keyOf('account', 2))
  bytes.set(linkCertificate().subarray(2, 34), 2)
  assert.throws(() => readCertificate(bytes, crypto), refused('certificate-forged'))
})

test('the issuer has the role that the kind wants', () => {
  // @ts-expect-error: an account's certificate is issued by the root
  assert.throws(() => accountCertificate({}, account))
})

test('no bytes make the decoder of certificates throw anything but IdentityError', () => {
  const template = linkCertificate()
  const mutated = fc
    .array(fc.tuple(fc.nat(template.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
    .map((changes) => {
      const bytes = template.slice()
      for (const [i, value] of changes) bytes[i] = value
      return bytes
    })
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 800 })), (bytes) => {
      const read = tolerant(() => readCertificate(bytes, crypto))
      assert.ok(read === undefined || toHex(bytes) === toHex(template))
    }),
  )
})

test('what is made of any allowed fields is read as it was', () => {
  const time = fc.nat(2 ** 31)
  const tag = fc.stringMatching(/^[a-z0-9-]{1,32}$/)
  fc.assert(
    fc.property(time, time, time, fc.uniqueArray(tag, { maxLength: 16 }), (start, length, grantsUntil, tags) => {
      const fields = { notBefore: start, notAfter: start + length, grantsUntil, tags: tags.toSorted() }
      const subject = link.publicKey(crypto)
      const bytes = createCertificate({ kind: 'link', subject, ...fields }, account, crypto)
      const { bytes: _bytes, issuer: _issuer, ...read } = readCertificate(bytes, crypto)
      assert.deepEqual(read, { kind: 'link', subject, ...fields })
    }),
    { numRuns: 30 },
  )
})

function signedWithTags(tags: readonly number[]): Uint8Array {
  return resigned(concatBytes(linkCertificate({ tags: [] }).subarray(0, 90), Uint8Array.from(tags)))
}

function resigned(content: Uint8Array): Uint8Array {
  const context = new TextEncoder().encode('weft certificate 1\0')
  return concatBytes(content, crypto.ed25519Sign(account.expose(), concatBytes(context, content)))
}

const LINK_CERTIFICATE =
  '01022df04125f0015afb47ce853aef8772094ff9498c14cb1b9e12973c2927da0fa68b237d788e8eaaef550c6d125823fa45f1fd5fc29b2c88bdf871119471fc1312000000006553f1000000000065554280000000006735248002036c6162067365727665720b33cde280edca3724f7e20a55a02d5a63bb8d9b62658d1e92507aeb02e416b07aec0c523fb9fe730fb4fe9212a4099bc86d1c3a5b92c3dd88227ed6eeb4a700'
