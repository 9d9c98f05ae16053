import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rotationLines } from '../../src/verbs/rotate-key.ts'

test('a rotation that the coordinator was not told of says why, and that nothing has to be done', () => {
  assert.equal(rotationLines({ published: true }).length, 1)
  const [what, why] = rotationLines({ published: false, reason: 'the coordinator cannot be reached:\u001b[31m x' })
  assert.match(what ?? '', /old ones still in use.*by itself/)
  assert.equal(why, 'why not now: the coordinator cannot be reached: [31m x')
})
