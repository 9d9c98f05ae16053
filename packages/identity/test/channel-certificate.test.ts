import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHex } from '@weft/base'
import fc from 'fast-check'
import { CHANNEL_CERTIFICATE_LENGTH, createChannelCertificate, readChannelCertificate } from '../src/index.ts'
import { at, crypto, flipped, HOUR, keyOf, refused, START, tolerant, wrongLengths } from './fixture.ts'

const coordinator = keyOf('coordinator')
const fields = { channelKey: keyOf('channel').publicKey(crypto), notBefore: START, notAfter: START + HOUR }
const certificate = createChannelCertificate(fields, coordinator, crypto)

test('a channel certificate says what was put into it', () => {
  assert.deepEqual(read(certificate), fields)
})

test('the format of channel certificates is as it was', () => {
  assert.equal(CHANNEL_CERTIFICATE_LENGTH, 113)
  assert.equal(toHex(certificate), CERTIFICATE)
})

test('a channel certificate with any byte changed is refused', () => {
  for (const bytes of flipped(certificate)) {
    assert.throws(() => read(bytes), refused('channel-certificate-malformed', 'channel-certificate-forged'))
  }
})

test('a channel certificate of any other length is refused', () => {
  for (const bytes of wrongLengths(certificate)) {
    assert.throws(() => read(bytes), refused('channel-certificate-malformed'))
  }
})

test('the channel certificate of another coordinator is refused', () => {
  const other = createChannelCertificate(fields, keyOf('coordinator', 2), crypto)
  assert.throws(() => read(other), refused('channel-certificate-forged'))
})

test('a channel certificate holds from begin to end, with ten minutes of skew either way', () => {
  const table = [
    [START - 601, 'channel-certificate-not-yet-valid'],
    [START - 600, 'valid'],
    [START + HOUR + 600, 'valid'],
    [START + HOUR + 601, 'channel-certificate-expired'],
  ] as const
  for (const [moment, expected] of table) {
    if (expected === 'valid') read(certificate, moment)
    else assert.throws(() => read(certificate, moment), refused(expected))
  }
})

test('no bytes make the decoder of channel certificates throw anything but IdentityError', () => {
  const length = { minLength: CHANNEL_CERTIFICATE_LENGTH, maxLength: CHANNEL_CERTIFICATE_LENGTH }
  const right = fc.uint8Array(length).map((bytes) => Uint8Array.of(1, ...bytes.subarray(1)))
  fc.assert(
    fc.property(fc.oneof(right, fc.uint8Array()), (bytes) => {
      assert.equal(
        tolerant(() => read(bytes)),
        undefined,
      )
    }),
  )
})

function read(bytes: Uint8Array, moment = START) {
  return readChannelCertificate(bytes, coordinator.publicKey(crypto), at(moment), crypto)
}

const CERTIFICATE =
  '016b3d57762f8badb69433f9c6d060f85f5e5c6b6803a816d141c075f63541ad10000000006553f100000000006553ff102cb16f580e84aa9532307774aea5015bd2a2c0811ea23d6517a1ab5f80c11c557f95ff3ab0b618b22af662da6e8c00015a4e3bb9162042de1b7c639ba400c600'
