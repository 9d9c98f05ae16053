import assert from 'node:assert/strict'
import { test } from 'node:test'
import { removedLines } from '../../src/verbs/remove.ts'

test('a device that was taken out and not revoked is said to be so, with what to do', () => {
  assert.equal(removedLines({ id: 'i', name: 'nas', revoked: true }).length, 1)
  assert.equal(removedLines({ id: 'i', name: 'nas' }).length, 1, 'older coordinators do not say')
  const [done, but] = removedLines({ id: 'i', name: 'nas', revoked: false })
  assert.equal(done, 'nas is removed')
  assert.match(but ?? '', /^but not revoked.*holds the root key.*sudo weft remove nas --root FILE$/)
})
