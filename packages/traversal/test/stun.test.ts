import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concatBytes, type Endpoint, fromHex } from '@weft/base'
import { seededRandom } from '@weft/testing'
import { answerStun, createStunRequest, isStun, readStunAnswer } from '@weft/traversal'
import fc from 'fast-check'

const HERE = '192.0.2.1:32853' as Endpoint
const HERE_6 = '[2001:db8:1234:5678:11:2233:4455:6677]:32853' as Endpoint

test('an answer tells where the question came from, by IPv4 and IPv6, and is no longer than the question', () => {
  for (const from of [HERE, HERE_6]) {
    const { transaction, datagram } = createStunRequest(seededRandom(1))
    const answer = answerStun(datagram, from)
    assert.ok(answer !== undefined && answer.length <= datagram.length)
    assert.deepEqual(readStunAnswer(answer), { transaction, mapped: from })
  }
})

test('the published responses are read: RFC 5769 §2.2 and §2.3, their address attributes', () => {
  const id = 'b7e7a701bc34d686fa87dfae'
  for (const [attribute, mapped] of [
    ['002000080001a147e112a643', HERE],
    ['002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9', HERE_6],
  ] as const) {
    const attributes = bytes(attribute)
    const datagram = concatBytes(bytes('0101'), Uint8Array.of(0, attributes.length), bytes(`2112a442${id}`), attributes)
    assert.deepEqual(readStunAnswer(datagram), { transaction: id, mapped })
  }
})

test('a request that is shorter than its answer, or asks for what is not understood, gets none', () => {
  const short = bytes('000100002112a442b7e7a701bc34d686fa87dfae')
  assert.equal(answerStun(short, HERE), undefined)
  const { datagram } = createStunRequest(seededRandom(1))
  const demanding = datagram.slice()
  demanding.set([0x00, 0x03], 20)
  assert.equal(answerStun(demanding, HERE), undefined)
})

test('an answer is never answered', () => {
  const answer = answerStun(createStunRequest(seededRandom(1)).datagram, HERE) ?? assert.fail()
  assert.equal(answerStun(answer, HERE), undefined)
})

test('what is cut off, longer than it says, or no STUN is refused', () => {
  const { datagram } = createStunRequest(seededRandom(2))
  const answer = answerStun(datagram, HERE_6) ?? assert.fail()
  for (let length = 0; length < answer.length; length++)
    assert.equal(readStunAnswer(answer.subarray(0, length)), undefined)
  assert.equal(readStunAnswer(concatBytes(answer, Uint8Array.of(0))), undefined)
  assert.equal(isStun(bytes('0100000000000000000000000000000000000000')), false)
})

test('any bytes are read without harm', () => {
  const { datagram } = createStunRequest(seededRandom(3))
  const base = answerStun(datagram, HERE) ?? assert.fail()
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(base.length - 1), fc.nat(255)), { maxLength: 8 }),
      fc.uint8Array({ maxLength: 40 }),
      (changes, tail) => {
        const mutated = concatBytes(base, tail)
        for (const [at, value] of changes) mutated[at] = value
        readStunAnswer(mutated)
        const answer = answerStun(mutated, HERE)
        assert.ok(answer === undefined || answer.length <= mutated.length)
      },
    ),
    { numRuns: 500 },
  )
})

const bytes = (text: string): Uint8Array => fromHex(text) ?? assert.fail(text)
