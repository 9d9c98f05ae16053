import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHex, utf8 } from '@weft/base'
import { type FuzzTarget, mutateBytes, mutateJson, mutateText, seededRandom } from '@weft/testing'
import { runBatch } from '../src/fuzz/fuzz.ts'

class Refused extends RangeError {
  readonly code = 'too-short'
}

/** Falls over bytes that end in zero. */
const flawed: FuzzTarget<Uint8Array> = {
  name: 'a flawed decoder',
  mutate: mutateBytes,
  scene: () => ({
    valid: [utf8('weft, and something behind it')],
    read(input) {
      if (input.length < 5) throw new Refused('too short')
      if (input.at(-1) === 0) throw new TypeError('the planted fault')
      return 'accepted'
    },
  }),
  refusals: [Refused],
  reaches: [],
  sources: [],
}

test('a fault is found, and found again by the seed and the batch that are named', async () => {
  const find = await findOf(flawed, 7)
  assert.match(
    find,
    /^input \d+ of batch 0: the planted fault\nagain with WEFT_SEED=7 WEFT_BATCH=0\nbytes [0-9a-f]+00$/,
  )
  assert.equal(await findOf(flawed, 7), find)
  assert.notEqual(await findOf(flawed, 8), find)
})

test('a refusal is an outcome, and no find', async () => {
  const outcomes = new Map<string, number>()
  const scene = () => ({
    valid: [Uint8Array.of(1, 2, 3, 4, 5)],
    read: () => {
      throw new Refused('never')
    },
  })
  await runBatch({ ...flawed, scene }, { seed: 1, batch: 0, inputs: 1000, outcomes })
  assert.deepEqual([...outcomes], [['too-short', 1000]])
})

test('mutations leave what they are given as it is, and bring about nearly as many inputs as there are', () => {
  const random = seededRandom(3)
  const bytes = [utf8('an input of some length'), utf8('another')] as const
  const before = bytes.map(toHex)
  const made = new Set(range(1000).map(() => toHex(mutateBytes(...bytes, random))))
  assert.deepEqual(bytes.map(toHex), before)
  assert.ok(made.size > 900, `${made.size} of bytes`)
  const texts = new Set(range(1000).map(() => mutateText('set=1\nlisten_port=7\n\n', 'get=1\n\n', random)))
  assert.ok(texts.size > 700, `${texts.size} of text`)
})

test('JSON mutations mostly bring about JSON of another value', () => {
  const random = seededRandom(4)
  const valid = '{"type":"request","id":1,"params":{"names":["a","b"],"isDone":true}}'
  const texts = range(1000).map(() => mutateJson(valid, '{"type":"pong"}', random))
  const read = texts.filter((text) => isJson(text) && text !== valid)
  assert.ok(read.length > 700, `${read.length} of JSON`)
  assert.ok(new Set(texts).size > 500, `${new Set(texts).size} different ones`)
})

async function findOf(target: FuzzTarget<Uint8Array>, seed: number): Promise<string> {
  try {
    await runBatch(target, { seed, batch: 0, inputs: 1000, outcomes: new Map() })
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  return 'nothing'
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const range = (count: number): readonly number[] => [...Array(count).keys()]
