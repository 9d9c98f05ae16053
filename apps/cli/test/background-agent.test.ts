import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { answersAt } from '../src/ask.ts'
import { type AgentPlace, startInBackground } from '../src/background-agent.ts'

const directory = mkdtempSync(join(tmpdir(), 'weft-background-'))
after(() => rmSync(directory, { recursive: true }))
const never = new AbortController().signal

test('an agent in the background answers and logs in its state directory; undone, nothing of it is left', async () => {
  const place = placeFor('fresh')
  const agent = await startInBackground(place, never)
  assert.ok(await answersAt(place.socket))
  assert.ok(existsSync(join(place.state, 'agent.log')))
  await agent.undo()
  assert.ok(!(await answersAt(place.socket)))
  assert.ok(!existsSync(place.state))
  assert.ok(!existsSync(place.socket))
})

test('an agent that cannot start is told in its own last words, and leaves nothing', async () => {
  const place = placeFor('refused')
  writeFileSync(place.socket, 'not a socket')
  await assert.rejects(startInBackground(place, never), ({ message }: Error) => {
    assert.match(message, /exists and is no socket/)
    return !message.startsWith('weft:')
  })
  assert.ok(!existsSync(place.state))
  assert.equal(readFileSync(place.socket, 'utf8'), 'not a socket')
})

test('a state directory that was there before stays, with what it holds', async () => {
  const place = placeFor('old')
  mkdirSync(place.state, { mode: 0o700 })
  writeFileSync(join(place.state, 'note'), 'mine')
  await (await startInBackground(place, never)).undo()
  assert.ok(readdirSync(place.state).includes('note'))
})

test('a start that is interrupted leaves nothing', async () => {
  const place = placeFor('interrupted')
  const interruption = new Error('enough')
  await assert.rejects(startInBackground(place, AbortSignal.abort(interruption)), interruption)
  assert.ok(!existsSync(place.state))
  assert.ok(!(await answersAt(place.socket)))
})

const placeFor = (name: string): AgentPlace => ({
  state: join(directory, name),
  socket: join(directory, `${name}.sock`),
})
