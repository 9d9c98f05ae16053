import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(import.meta.resolve('../../src/main.ts'))
const directory = mkdtempSync(join(tmpdir(), 'weft-serve-'))
after(() => rmSync(directory, { recursive: true }))

test('serve --json prints one line with a fresh link, and the last start’s unused link is revoked', async () => {
  const state = join(directory, 'links')
  const first = await served(state)
  assert.match(first.announced.link, /^weft:\/\//)
  assert.equal(await stopped(first.child), 0)
  const second = await served(state)
  assert.equal(second.announced.mesh, first.announced.mesh)
  const { links } = JSON.parse((await weft('link', 'list', '--json', '--state', state)).stdout)
  const states = Object.fromEntries(links.map(({ id, state }: { id: string; state: string }) => [id, state]))
  assert.equal(states[first.announced.id], 'revoked')
  assert.equal(states[second.announced.id], 'open')
  assert.equal(await stopped(second.child), 0)
})

test('Ctrl-C twice within a millisecond ends cleanly, and leaves no socket behind', async () => {
  const state = join(directory, 'twice')
  const { child } = await served(state)
  const ended = once(child, 'exit')
  child.kill('SIGINT')
  child.kill('SIGINT')
  assert.deepEqual(await ended, [130, null])
  assert.ok(!existsSync(join(state, 'coordinator.sock')))
})

test('a second serve on the same state, or on the same port, fails with one line', async () => {
  const state = join(directory, 'busy')
  const { child, announced } = await served(state)
  const port = new URL(announced.reachableAt[0] ?? '').port
  for (const options of [
    ['--state', state, '--listen', '127.0.0.1:0'],
    ['--state', join(directory, 'other'), '--listen', `127.0.0.1:${port}`],
  ]) {
    const { code, stdout, stderr } = await weft('serve', '--no-node', '--json', ...options)
    assert.equal(code, 1)
    assert.equal(stdout, '')
    assert.match(stderr, /^weft: [^\n]+\n$/)
    assert.doesNotMatch(stderr, /unexpected/)
  }
  assert.ok(!existsSync(join(directory, 'other')))
  assert.equal(await stopped(child), 0)
})

test('a link is created, listed and revoked over the state directory, and each is one line of JSON', async () => {
  const state = join(directory, 'verbs')
  const { child } = await served(state)
  const created = JSON.parse((await weft('link', 'create', '--tag', 'lab', '--json', '--state', state)).stdout)
  assert.deepEqual(Object.keys(created), ['id', 'link', 'expires', 'reusable'])
  const revoked = await weft('link', 'revoke', created.id, '--json', '--state', state)
  assert.deepEqual(JSON.parse(revoked.stdout), { id: created.id })
  const listed = await weft('link', 'list', '--state', state)
  assert.match(listed.stdout, new RegExp(`${created.id} +revoked +one device +0 +in 24 h +lab`))
  const unknown = await weft('link', 'revoke', 'nothing', '--state', state)
  assert.equal(unknown.code, 1)
  assert.match(unknown.stderr, /^weft: there is no join link nothing[^\n]*\n$/)
  assert.equal(await stopped(child), 0)
})

test('a relay of the mesh runs alone, keeps its id, is added, listed and removed', async () => {
  const state = join(directory, 'with-relay')
  const { child } = await served(state)
  const file = join(directory, 'mesh.json')
  writeFileSync(file, (await weft('relay', 'describe', '--state', state)).stdout)
  const first = await relayServed(join(directory, 'relay'), file)
  assert.equal(await stopped(first.child), 0)
  const { child: relay, announced } = await relayServed(join(directory, 'relay'), file)
  assert.equal(announced.relay, first.announced.relay)
  const [url = ''] = announced.reachableAt
  const added = JSON.parse((await weft('relay', 'add', url, '--json', '--state', state)).stdout)
  assert.deepEqual([added.relay.id, added.relay.places], [announced.relay, [url]])
  const listed = await weft('relay', 'list', '--state', state)
  assert.match(listed.stdout, new RegExp(`${announced.relay.slice(0, 8)} .*${url}`))
  assert.match((await weft('relay', 'remove', url, '--state', state)).stdout, /may be stopped/)
  assert.match((await weft('relay', 'list', '--state', state)).stdout, /No relay but/)
  const gone = await weft('relay', 'remove', url, '--state', state)
  assert.deepEqual([gone.code, /^weft: no relay is called so[^\n]*\n$/.test(gone.stderr)], [1, true])
  assert.equal(await stopped(relay), 0)
  assert.equal(await stopped(child), 0)
})

test('a relay without a description of its mesh, or of another mesh than before, does not start', async () => {
  const file = join(directory, 'junk.json')
  writeFileSync(file, '{"version":1}')
  const relay = ['serve', '--only', 'relay', '--listen', '127.0.0.1:0', '--stun-port', '0']
  const unreadable = await weft(...relay, '--state', join(directory, 'none'), '--mesh', file)
  assert.match(unreadable.stderr, /^weft: .*no description of a mesh[^\n]*relay describe\n$/)
  assert.match((await weft(...relay, '--mesh', join(directory, 'missing'))).stderr, /^weft: cannot read [^\n]+\n$/)
  const key = Buffer.alloc(32, 7).toString('base64')
  const describe = (mesh: string) => writeFileSync(file, JSON.stringify({ version: 1, mesh, coordinatorKey: key }))
  const state = join(directory, 'one-mesh')
  describe('11'.repeat(16))
  assert.equal(await stopped((await relayServed(state, file)).child), 0)
  describe('22'.repeat(16))
  const other = await weft(...relay, '--state', state, '--mesh', file)
  assert.match(other.stderr, /^weft: .* is of a relay of mesh 11111111, not of 22222222[^\n]*\n$/)
  assert.equal(other.code, 1)
})

test('without a coordinator, link --state says how to start one', async () => {
  const { code, stderr } = await weft('link', 'list', '--state', join(directory, 'nothing'))
  assert.equal(code, 1)
  assert.match(stderr, /^weft: no coordinator answers at .*; start it with: weft serve --state [^\n]+\n$/)
})

interface Announced {
  readonly mesh: string
  readonly id: string
  readonly link: string
  readonly reachableAt: readonly string[]
}

/** On loopback, without a node. */
async function served(state: string): Promise<{ readonly child: ChildProcess; readonly announced: Announced }> {
  const child = start('serve', '--state', state, '--listen', '127.0.0.1:0', '--no-node', '--json')
  const errors = text(child.stderr)
  for await (const line of createInterface({ input: child.stdout })) return { child, announced: JSON.parse(line) }
  throw new Error(`serve ended: ${await errors}`)
}

interface AnnouncedRelay {
  readonly relay: string
  readonly reachableAt: readonly string[]
}

async function relayServed(
  state: string,
  mesh: string,
): Promise<{ readonly child: ChildProcess; readonly announced: AnnouncedRelay }> {
  const where = ['--listen', '127.0.0.1:0', '--stun-port', '0']
  const child = start('serve', '--only', 'relay', '--mesh', mesh, '--state', state, ...where, '--json')
  const errors = text(child.stderr)
  for await (const line of createInterface({ input: child.stdout })) return { child, announced: JSON.parse(line) }
  throw new Error(`the relay ended: ${await errors}`)
}

async function stopped(child: ChildProcess): Promise<number | null> {
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  return (await ended)[0]
}

async function weft(...args: readonly string[]) {
  const child = start(...args)
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { code, stdout, stderr }
}

function start(...args: readonly string[]) {
  return spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
}
