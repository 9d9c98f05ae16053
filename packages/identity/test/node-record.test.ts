import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHex } from '@weft/base'
import { nodeIdOf } from '@weft/keys'
import fc from 'fast-check'
import { createRecord, generateNodeKeys, RECORD_LENGTH, readRecord, recordMayFollow } from '../src/index.ts'
import { aliceKeys, countingRandom, crypto, flipped, keyOf, refused, tolerant, wrongLengths } from './fixture.ts'

const record = createRecord(aliceKeys, 7, crypto)

test('a record says what its node put into it', () => {
  const read = readRecord(record, crypto)
  assert.equal(read.sequence, 7)
  assert.equal(read.identityKey, aliceKeys.identity.publicKey(crypto))
  assert.equal(read.nodeKey, aliceKeys.node.publicKey(crypto))
  assert.equal(read.channelKey, aliceKeys.channel.publicKey(crypto))
  assert.equal(read.probeKey, aliceKeys.probe.publicKey(crypto))
  assert.equal(read.kemKey, aliceKeys.kem.publicKey(crypto))
  assert.equal(read.nodeId, nodeIdOf(read.identityKey, crypto))
  assert.deepEqual(read.bytes, record)
})

test('the keys of a node all differ', () => {
  const { identity, node, channel, probe } = generateNodeKeys(countingRandom())
  assert.equal(new Set([identity, node, channel, probe].map((key) => toHex(key.expose()))).size, 4)
})

test('the format of records is as it was', () => {
  assert.equal(record.length, 1385)
  assert.equal(RECORD_LENGTH, 1385)
  assert.equal(toHex(record.subarray(0, 41)), RECORD_HEAD)
  assert.equal(toHex(record.subarray(1321)), RECORD_SIGNATURE)
  assert.equal(toHex(crypto.sha256(record)), RECORD_HASH)
})

test('a record with any byte changed is refused', () => {
  for (const bytes of flipped(record)) {
    assert.throws(() => readRecord(bytes, crypto), refused('record-malformed', 'record-forged'))
  }
})

test('a record of any other length is refused', () => {
  for (const bytes of wrongLengths(record)) assert.throws(() => readRecord(bytes, crypto), refused('record-malformed'))
})

test('a record that another identity signed is refused', () => {
  const forged = createRecord({ ...aliceKeys, identity: keyOf('identity', 2) }, 7, crypto)
  forged.set(record.subarray(9, 41), 9)
  assert.throws(() => readRecord(forged, crypto), refused('record-forged'))
})

test('the bytes of a record outlive the array that they were read from', () => {
  const arrived = record.slice()
  const read = readRecord(arrived, crypto)
  arrived.fill(0)
  assert.deepEqual(read.bytes, record)
})

test('sequence numbers are integers from 1', () => {
  for (const sequence of [0, -1, 1.5, 2 ** 53, Number.NaN]) {
    assert.throws(() => createRecord(aliceKeys, sequence, crypto), RangeError)
  }
  assert.equal(readRecord(createRecord(aliceKeys, 2 ** 53 - 1, crypto), crypto).sequence, 2 ** 53 - 1)
})

test('a record follows only an older one of its identity, or itself', () => {
  const read = (sequence: number, keys = aliceKeys) => readRecord(createRecord(keys, sequence, crypto), crypto)
  assert.ok(recordMayFollow(read(8), read(7)))
  assert.ok(recordMayFollow(read(7), read(7)))
  assert.ok(!recordMayFollow(read(6), read(7)))
  assert.ok(!recordMayFollow(read(7, { ...aliceKeys, node: keyOf('node', 2) }), read(7)))
  assert.ok(!recordMayFollow(read(8, { ...aliceKeys, identity: keyOf('identity', 2) }), read(7)))
})

test('no bytes make the decoder of records throw anything but IdentityError', () => {
  const bytes = fc.uint8Array({ minLength: RECORD_LENGTH, maxLength: RECORD_LENGTH }).map((random) => {
    random[0] = 1
    return random
  })
  fc.assert(
    fc.property(fc.oneof(bytes, fc.uint8Array()), (input) => {
      assert.equal(
        tolerant(() => readRecord(input, crypto)),
        undefined,
      )
    }),
  )
})

const RECORD_HEAD = '01000000000000000703a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8'
const RECORD_SIGNATURE =
  'b460d6019f71aa123b9260c4d939bed4cf66648052a6ee9b36022e5240dc44ddcd43af296f901f8e3578065f9b599fc398e1f4c800a91ed9d8859930259fad0f'
const RECORD_HASH = 'a5ea7609c91ed1c93c03c70b22fb170d58fdc8504b29f096e097fe3ef40258bf'
