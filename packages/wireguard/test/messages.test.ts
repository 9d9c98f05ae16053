import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeInitiation, decodeResponse, encodeInitiation, encodeResponse, messageKindOf } from '../src/messages.ts'

const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value)
const ofLength = (type: number, length: number): Uint8Array => {
  const message = new Uint8Array(length)
  message[0] = type
  return message
}

test('an initiation is laid out as the paper has it', () => {
  const message = encodeInitiation({
    sender: 0x89abcdef,
    ephemeral: filled(32, 0xe0),
    sealedStatic: filled(48, 0x50),
    sealedTimestamp: filled(28, 0x71),
  })
  const expected = `01000000efcdab89${'e0'.repeat(32)}${'50'.repeat(48)}${'71'.repeat(28)}${'00'.repeat(32)}`
  assert.equal(message.toHex(), expected)
  assert.equal(message.length, 148)
})

test('a response is laid out as the paper has it', () => {
  const message = encodeResponse({
    sender: 0xfffffffe,
    receiver: 0x01020304,
    ephemeral: filled(32, 0xe0),
    sealedNothing: filled(16, 0x99),
  })
  assert.equal(message.toHex(), `02000000feffffff04030201${'e0'.repeat(32)}${'99'.repeat(16)}${'00'.repeat(32)}`)
  assert.equal(message.length, 92)
})

test('what is encoded decodes to the same', () => {
  const initiation = {
    sender: 1,
    ephemeral: filled(32, 2),
    sealedStatic: filled(48, 3),
    sealedTimestamp: filled(28, 4),
  }
  assert.deepEqual(decodeInitiation(encodeInitiation(initiation)), initiation)
  const response = { sender: 0xffffffff, receiver: 0, ephemeral: filled(32, 5), sealedNothing: filled(16, 6) }
  assert.deepEqual(decodeResponse(encodeResponse(response)), response)
})

test('a message is known by its whole type and its length', () => {
  assert.equal(messageKindOf(ofLength(1, 148)), 'initiation')
  assert.equal(messageKindOf(ofLength(2, 92)), 'response')
  assert.equal(messageKindOf(ofLength(3, 64)), 'cookie-reply')
  assert.equal(messageKindOf(ofLength(4, 32)), 'transport')
  assert.equal(messageKindOf(ofLength(4, 1452)), 'transport')
})

test('a byte more or less, another type, or anything in the reserved bytes is no message', () => {
  for (const [type, length] of [
    [1, 148],
    [2, 92],
    [3, 64],
  ] as const) {
    assert.equal(messageKindOf(ofLength(type, length - 1)), undefined)
    assert.equal(messageKindOf(ofLength(type, length + 1)), undefined)
    for (const reserved of [1, 2, 3]) {
      const message = ofLength(type, length)
      message[reserved] = 1
      assert.equal(messageKindOf(message), undefined)
    }
  }
  assert.equal(messageKindOf(ofLength(4, 31)), undefined)
  assert.equal(messageKindOf(ofLength(0, 148)), undefined)
  assert.equal(messageKindOf(ofLength(5, 148)), undefined)
  for (let length = 0; length < 4; length++) assert.equal(messageKindOf(filled(length, 1)), undefined)
})

test('a STUN answer, which begins with 1 too, is no message', () => {
  const answer = new Uint8Array(148)
  answer.set([0x01, 0x01, 0x00, 0x80, 0x21, 0x12, 0xa4, 0x42])
  assert.equal(messageKindOf(answer), undefined)
  assert.equal(decodeInitiation(answer), undefined)
})

test('one kind does not decode as another', () => {
  assert.equal(decodeInitiation(ofLength(2, 92)), undefined)
  assert.equal(decodeResponse(ofLength(1, 148)), undefined)
})
