import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Endpoint, endpointBytes, milliseconds } from '@weft/base'
import { UP_BURST } from '@weft/datapath'
import { PrivateKey } from '@weft/keys'
import { portableCrypto } from '@weft/keys/portable'
import { seededRandom } from '@weft/testing'
import { mac1KeyOf } from '@weft/wireguard'
import { PortableHarness } from './portable-harness.ts'

const key = PrivateKey.generate('node', seededRandom(1)).publicKey(portableCrypto)
const mac1Key = mac1KeyOf(key, portableCrypto)
const SECRET = new Uint8Array(32).fill(5)
const INITIATION = 148
const NO_MAC2 = new Uint8Array(16)

test('a flood with right mac1s keeps out nobody who has a cookie', () => {
  const harness = flooded()
  assert.equal(isLetUp(harness, initiation()), false, 'without a cookie')
  assert.equal(isLetUp(harness, initiation(cookieFor(harness.other))), false, 'with the cookie of another address')
  assert.equal(isLetUp(harness, initiation(cookieFor(harness.remote))), true)
})

test('a source with a cookie is let in five times at once and 20 times a second, as the engine would', () => {
  const harness = flooded()
  const proven = initiation(cookieFor(harness.remote))
  let taken = 0
  for (let i = 0; i < 20; i++) if (isLetUp(harness, proven)) taken++
  assert.equal(taken, 5)
  harness.clock.advance(milliseconds(50))
  flood(harness)
  assert.equal(isLetUp(harness, proven), true)
  assert.equal(isLetUp(harness, proven), false)
})

test('all sources with cookies have a share, not the whole way up', () => {
  const harness = flooded()
  let taken = 0
  for (let i = 0; i < UP_BURST; i++) {
    const from = `192.0.2.${i % 256}:${1000 + i}` as Endpoint
    if (isLetUp(harness, initiation(cookieFor(from)), from)) taken++
  }
  assert.equal(taken, UP_BURST / 8)
})

test('a cookie made with an earlier secret, or for another key, proves nothing', () => {
  const harness = flooded()
  const proven = initiation(cookieFor(harness.remote))
  harness.tell({ kind: 'set-cookie-secret', key, secret: new Uint8Array(32).fill(6) })
  assert.equal(isLetUp(harness, proven), false)
  const other = PrivateKey.generate('node', seededRandom(2)).publicKey(portableCrypto)
  harness.tell({ kind: 'set-cookie-secret', key: other, secret: SECRET })
  assert.equal(isLetUp(harness, proven), false)
  harness.tell({ kind: 'set-cookie-secret', key, secret: SECRET })
  harness.tell({ kind: 'set-local-keys', keys: [other, key] })
  assert.equal(isLetUp(harness, proven), true, 'the secret of a key that stays is kept')
})

/** The share of all handshakes is used up at this moment. */
function flooded(): PortableHarness {
  const harness = new PortableHarness()
  harness.tell({ kind: 'set-local-keys', keys: [key] })
  harness.tell({ kind: 'set-cookie-secret', key, secret: SECRET })
  flood(harness)
  return harness
}

function flood(harness: PortableHarness): void {
  while (isLetUp(harness, initiation()));
}

function isLetUp(harness: PortableHarness, message: Uint8Array, from: Endpoint = harness.remote): boolean {
  const before = harness.untaken('handshake')
  harness.receive(message, from)
  return harness.untaken('handshake') > before
}

function cookieFor(from: Endpoint): Uint8Array {
  return portableCrypto.blake2sMac(SECRET, endpointBytes(from))
}

/** Of an initiation's form, with a right mac1, and a mac2 made of the cookie. */
function initiation(cookie?: Uint8Array): Uint8Array {
  const message = new Uint8Array(INITIATION).fill(9)
  message.set([1, 0, 0, 0])
  message.set(portableCrypto.blake2sMac(mac1Key, message.subarray(0, INITIATION - 32)), INITIATION - 32)
  const mac2 = cookie === undefined ? NO_MAC2 : portableCrypto.blake2sMac(cookie, message.subarray(0, INITIATION - 16))
  message.set(mac2, INITIATION - 16)
  return message
}
