import assert from 'node:assert/strict'
import { type Endpoint, equalBytes } from '@weft/base'
import { nativeCrypto as crypto } from '@weft/crypto'
import { nodeIdOf, type PrivateKey, type SigningRole } from '@weft/keys'
import { fuzz, type Mutation, mutateBytes, mutateText } from '@weft/testing'
import {
  createChannelCertificate,
  createRecord,
  createRevocation,
  decodeChain,
  encodeChain,
  encodeLink,
  encodeRootFile,
  IdentityError,
  readCertificate,
  readChannelCertificate,
  readLink,
  readRecord,
  readRevocation,
  readRootFile,
  verifyChain,
} from '../src/index.ts'
import { appendSignature } from '../src/signed-bytes.ts'
import {
  account,
  accountCertificate,
  accountNumber,
  alice,
  aliceKeys,
  at,
  chain,
  deviceCertificate,
  HOUR,
  keyOf,
  link,
  linkCertificate,
  mesh,
  root,
  START,
  YEAR,
} from './fixture.ts'

/** The last input that a true key signed: whatever else holds, and is not valid itself, is forged. */
let lastSigned: Uint8Array | undefined

/** Half of the inputs are signed anew, for what lies behind the signature. */
function signedAnew(context: string, keys: readonly PrivateKey<SigningRole>[]): Mutation<Uint8Array> {
  return (valid, other, random) => {
    const changed = mutateBytes(valid, other, random)
    if (random.chance(0.5)) return changed
    lastSigned = appendSignature(context, changed.subarray(0, -64), random.pick(keys), crypto)
    return lastSigned
  }
}

function assertSigned(input: Uint8Array, valid: readonly Uint8Array[]): void {
  const known = lastSigned === undefined ? valid : [...valid, lastSigned]
  assert.ok(
    known.some((each) => equalBytes(each, input)),
    'what holds was signed by a true key',
  )
}

const refusals = [IdentityError]
/** A signature takes a hundred times as long as the rest. */
const signed = { long: 100_000 }

const records = [createRecord(aliceKeys, 1, crypto), createRecord(aliceKeys, 2 ** 53 - 1, crypto)]

fuzz({
  name: 'a record',
  mutate: signedAnew('weft record 1', [alice]),
  scene: () => ({
    valid: records,
    read(input) {
      const record = readRecord(input, crypto)
      assertSigned(input, records)
      assert.deepEqual(record.bytes, input)
      assert.equal(record.nodeId, nodeIdOf(record.identityKey, crypto))
      return 'accepted'
    },
  }),
  refusals,
  reaches: ['accepted', 'record-malformed', 'record-forged'],
  sources: ['identity/src/node-record.ts', 'identity/src/signed-bytes.ts'],
  inputs: signed,
})

const tags = Array.from({ length: 16 }, (_, i) => `tag-${String.fromCharCode(97 + i)}`)
const certificates = [accountCertificate(), linkCertificate(), linkCertificate({ tags }), deviceCertificate()]

fuzz({
  name: 'a certificate',
  mutate: signedAnew('weft certificate 1', [root, account, link]),
  scene: () => ({
    valid: certificates,
    read(input) {
      const certificate = readCertificate(input, crypto)
      assertSigned(input, certificates)
      assert.ok(certificate.notBefore <= certificate.notAfter && certificate.tags.length <= 16)
      return certificate.kind
    },
  }),
  refusals,
  reaches: ['account', 'link', 'device', 'certificate-malformed', 'certificate-forged'],
  sources: ['identity/src/certificate.ts'],
  inputs: signed,
})

const chains = [chain(), encodeChain([accountCertificate(), linkCertificate({ tags }), deviceCertificate({ tags })])]

/** One certificate of a chain is changed and signed by the key that ought to. */
const mutateChain: Mutation<Uint8Array> = (valid, other, random) => {
  if (random.chance(0.5)) return mutateBytes(valid, other, random)
  const parts = decodeChain(valid)
  const place = random.below(3)
  const changed = mutateBytes(parts[place] ?? valid, decodeChain(other)[random.below(3)] ?? other, random)
  const signed = appendSignature(
    'weft certificate 1',
    changed.slice(0, -64),
    [root, account, link][place] ?? root,
    crypto,
  )
  return signed.length > 700 ? changed : encodeChain(parts.with(place, signed.slice(0, 683)))
}

fuzz({
  name: 'a chain',
  mutate: mutateChain,
  scene: (random) => ({
    valid: chains,
    read(input) {
      const moment = START + random.pick([2 * HOUR, 2 * HOUR, 0, 2 * YEAR])
      const proven = verifyChain({ chain: input, mesh, at: at(moment), crypto })
      assert.equal(proven.rootKey, root.publicKey(crypto))
      assert.equal(proven.nodeId, nodeIdOf(proven.identityKey, crypto))
      assert.ok(proven.notAfter >= START && proven.notAfter <= START + 10 * YEAR, 'no longer than the account')
      return 'accepted'
    },
  }),
  refusals,
  reaches: [
    'accepted',
    'chain-malformed',
    'chain-foreign',
    'chain-broken',
    'chain-expired',
    'chain-not-yet-valid',
    'certificate-malformed',
    'certificate-forged',
  ],
  sources: ['identity/src/certificate-chain.ts'],
  inputs: signed,
})

const revocation = { revoked: alice.publicKey(crypto), signedAt: START, keptUntil: START + YEAR }
const revocations = [
  createRevocation(revocation, { key: root }, crypto),
  createRevocation(revocation, { key: account, certificate: accountCertificate() }, crypto),
  createRevocation({ ...revocation, revoked: link.publicKey(crypto) }, { key: root }, crypto),
]

fuzz({
  name: 'a revocation',
  mutate: signedAnew('weft revocation 1', [root, account]),
  scene: () => ({
    valid: revocations,
    read(input) {
      const read = readRevocation(input, mesh, crypto)
      assertSigned(input, revocations)
      assert.deepEqual(read.bytes, input)
      assert.ok(read.signedAt <= read.keptUntil)
      return read.issuer === root.publicKey(crypto) ? 'by-root' : 'by-account'
    },
  }),
  refusals,
  reaches: [
    'by-root',
    'by-account',
    'revocation-malformed',
    'revocation-foreign',
    'revocation-forged',
    'certificate-malformed',
    'certificate-forged',
  ],
  sources: ['identity/src/revocation.ts'],
  inputs: signed,
})

const coordinator = keyOf('coordinator')
const channelKey = keyOf('channel').publicKey(crypto)
const channelCertificates = [
  createChannelCertificate({ channelKey, notBefore: START, notAfter: START + YEAR }, coordinator, crypto),
  createChannelCertificate({ channelKey, notBefore: 0, notAfter: START }, coordinator, crypto),
  createChannelCertificate({ channelKey, notBefore: START + YEAR, notAfter: 2 ** 53 - 1 }, coordinator, crypto),
]

fuzz({
  name: "a channel's certificate",
  mutate: signedAnew('weft channel key 1', [coordinator, root]),
  scene: () => ({
    valid: channelCertificates,
    read(input) {
      readChannelCertificate(input, coordinator.publicKey(crypto), at(START + HOUR), crypto)
      assertSigned(input, channelCertificates)
      return 'accepted'
    },
  }),
  refusals,
  reaches: [
    'accepted',
    'channel-certificate-malformed',
    'channel-certificate-forged',
    'channel-certificate-expired',
    'channel-certificate-not-yet-valid',
  ],
  sources: ['identity/src/channel-certificate.ts', 'identity/src/validity.ts'],
  inputs: signed,
})

const common = { mesh, coordinatorKey: coordinator.publicKey(crypto), seed: link }
const endpoint = (text: string) => ({ kind: 'endpoint' as const, endpoint: text as Endpoint })
const links = [
  encodeLink({ ...common, endpoints: [endpoint('192.0.2.1:7480')] }, crypto),
  encodeLink(
    { ...common, endpoints: [endpoint('[2001:db8::1]:1'), { kind: 'url', url: 'https://weft.example/a' }] },
    crypto,
  ),
]

/** Half of the inputs have a checksum that holds. */
const mutateLink: Mutation<string> = (valid, other, random) => {
  if (random.chance(0.5)) return mutateText(valid, other, random)
  const [content, others] = [valid, other].map((text) =>
    Uint8Array.fromBase64(text.slice('weft://'.length), { alphabet: 'base64url' }).subarray(0, -4),
  )
  const changed = mutateBytes(content ?? new Uint8Array(), others ?? new Uint8Array(), random)
  const whole = new Uint8Array(changed.length + 4)
  whole.set(changed)
  whole.set(crypto.sha256(changed).subarray(0, 4), changed.length)
  return `weft://${whole.toBase64({ alphabet: 'base64url', omitPadding: true })}`
}

fuzz({
  name: 'a join link',
  mutate: mutateLink,
  scene: () => ({
    valid: links,
    read(input) {
      assert.equal(encodeLink(readLink(input, crypto), crypto), input.trim(), 'a link has one form')
      return 'accepted'
    },
  }),
  refusals,
  reaches: ['accepted', 'link-malformed', 'link-mistyped', 'link-newer'],
  sources: ['identity/src/join-link.ts'],
})

const rootFiles = [1, 3].map((count) =>
  encodeRootFile({ root, accounts: Array.from({ length: count }, (_, i) => accountNumber(i + 1)) }, crypto),
)

/** Half of the inputs have a checksum that holds. */
const mutateRootFile: Mutation<string> = (valid, other, random) => {
  if (random.chance(0.5)) return mutateText(valid, other, random)
  const [content, others] = [valid, other].map((text) => text.slice(0, text.lastIndexOf('sum ')))
  const changed = mutateText(content ?? '', others ?? '', random)
  const sum = crypto.sha256(new TextEncoder().encode(changed)).subarray(0, 4).toHex()
  return `${changed}sum ${sum}\n`
}

fuzz({
  name: 'a root file',
  mutate: mutateRootFile,
  scene: () => ({
    valid: rootFiles,
    read(input) {
      const keys = readRootFile(input, crypto)
      assert.equal(encodeRootFile(keys, crypto), input, 'a root file has one form')
      assert.equal(keys.mesh, mesh, 'the mesh is that of its keys')
      return 'accepted'
    },
  }),
  refusals,
  reaches: ['accepted', 'root-file-malformed', 'root-file-damaged', 'root-file-newer'],
  sources: ['identity/src/root-file.ts'],
  inputs: signed,
})
