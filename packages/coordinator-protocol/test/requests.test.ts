import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ClientWorld, connected } from './client-world.ts'

test('requests wait for the channel, are sent once and get the answers to them', () => {
  const world = new ClientWorld({ subscribes: false })
  world.tell({ kind: 'request', method: 'link-list', params: {}, token: 11 })
  world.tell({ kind: 'request', method: 'link-revoke', params: { id: 'abc' }, token: 12 })
  world.tell({ kind: 'start' })
  assert.deepEqual(world.methods(), ['link-list', 'link-revoke'])
  const [list, revoke] = world.heard
  assert.ok(list?.type === 'request' && revoke?.type === 'request')
  world.say({ type: 'answer', id: revoke.id, result: {} })
  world.say({ type: 'answer', id: list.id, error: { code: 'not-allowed', message: 'no' } })
  assert.deepEqual(world.take('answer'), [
    { kind: 'answer', token: 12, method: 'link-revoke', result: {} },
    { kind: 'answer', token: 11, method: 'link-list', error: { code: 'not-allowed', message: 'no' } },
  ])
})

test('a request without an answer fails after 10 seconds, and an answer that comes later is dropped', () => {
  const world = connected({ subscribes: false })
  world.tell({ kind: 'request', method: 'link-list', params: {}, token: 1 })
  world.pass(9_999)
  assert.deepEqual(world.takeErrors(), [])
  world.pass(1)
  assert.deepEqual(world.takeErrors(), ['timeout'])
  world.answer({ result: { links: [] } })
  assert.deepEqual(world.takeErrors(), [])
  assert.ok(world.isConnected)
})

test('a request that was sent is not sent again after a lost connection', () => {
  const world = connected({ subscribes: false })
  world.tell({ kind: 'request', method: 'link-list', params: {}, token: 1 })
  world.close()
  assert.deepEqual(world.takeErrors(), ['away'])
  world.pass(1_000)
  assert.ok(world.isConnected)
  assert.deepEqual(world.methods(), ['link-list'])
})

test('requests fail with the reason when no endpoint leads to the coordinator', () => {
  const world = new ClientWorld({ places: ['closed', 'stranger'], subscribes: false })
  world.tell({ kind: 'request', method: 'link-list', params: {}, token: 1 })
  world.tell({ kind: 'start' })
  const [answer] = world.take('answer')
  assert.ok(answer && 'error' in answer)
  assert.equal(answer.error.code, 'away')
  assert.match(answer.error.message, /not the coordinator of this mesh/)
})

test('an answer that is none of the method is an error, not a result', () => {
  const world = connected({ subscribes: false })
  world.tell({ kind: 'request', method: 'link-list', params: {}, token: 1 })
  world.answer({ result: { links: 'many' } })
  assert.deepEqual(world.takeErrors(), ['answer-malformed'])
})

test('more requests than 64 at once are refused', () => {
  const world = new ClientWorld({ subscribes: false })
  for (let token = 0; token < 66; token++) world.tell({ kind: 'request', method: 'link-list', params: {}, token })
  assert.deepEqual(world.takeErrors(), ['busy', 'busy'])
})
