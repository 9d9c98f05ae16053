import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DatapathCommand, SocketId } from '@weft/datapath'
import type { NodeOutput } from '../src/node-interface.ts'
import { UnderlaySockets } from '../src/underlay-sockets.ts'
import { seededRandom } from './test-mesh.ts'

test('both families open on the wanted port, and nothing is remembered', () => {
  const { sockets, opened, outputs } = setUp()
  assert.deepEqual(
    opened().map(({ family, port }) => [family, port]),
    [
      [4, 7481],
      [6, 7481],
    ],
  )
  assert.equal(succeed(sockets, opened()[0]), false)
  assert.equal(sockets.port, undefined)
  assert.equal(succeed(sockets, opened()[1]), true)
  assert.equal(sockets.port, 7481)
  assert.equal(sockets.socketFor(6), opened()[1]?.socket)
  assert.ok(!outputs.some(({ kind }) => kind === 'save-port'))
})

test('a port that is taken for one family is left for a random one, which is remembered', () => {
  const { sockets, opened, outputs } = setUp()
  succeed(sockets, opened()[0])
  fail(sockets, opened()[1], 'EADDRINUSE')
  const closed = commands(outputs).filter((command) => command.kind === 'close-socket')
  assert.deepEqual(
    closed.map(({ socket }) => socket),
    [opened()[0]?.socket],
  )
  const [, , third, fourth] = opened()
  assert.ok(third !== undefined && third.port >= 49_152 && third.port === fourth?.port)
  succeed(sockets, third)
  assert.equal(succeed(sockets, fourth), true)
  assert.deepEqual(
    outputs.filter(({ kind }) => kind === 'save-port'),
    [{ kind: 'save-port', port: third.port }],
  )
})

test('a fixed port that is taken is not replaced', () => {
  const { sockets, opened, outputs } = setUp(true)
  fail(sockets, opened()[0], 'EADDRINUSE')
  const last = outputs.at(-1)
  assert.ok(last?.kind === 'failed' && /7481 is in use/.test(last.reason))
  assert.equal(opened().length, 2)
})

test('a late report of an earlier attempt changes nothing', () => {
  const { sockets, opened } = setUp()
  fail(sockets, opened()[0], 'EADDRINUSE')
  assert.equal(succeed(sockets, opened()[1]), false)
  assert.equal(sockets.port, undefined)
})

test('a machine without IPv6 is heard by IPv4', () => {
  const { sockets, opened } = setUp()
  fail(sockets, opened()[1], 'EAFNOSUPPORT')
  assert.equal(succeed(sockets, opened()[0]), true)
  assert.equal(sockets.socketFor(6), undefined)
  assert.equal(sockets.port, 7481)
})

test('a refused port ends the node with its code', () => {
  const { sockets, opened, outputs } = setUp()
  fail(sockets, opened()[0], 'EACCES')
  assert.equal(outputs.at(-1)?.kind, 'failed')
  assert.equal(sockets.port, undefined)
})

test('ports that are all taken end the node and not the search', () => {
  const { sockets, opened, outputs } = setUp()
  for (let i = 0; i < 200 && !outputs.some(({ kind }) => kind === 'failed'); i++)
    fail(sockets, opened().at(-2), 'EADDRINUSE')
  assert.ok(outputs.some((output) => output.kind === 'failed' && output.code === 'EADDRINUSE'))
})

type Opened = Extract<DatapathCommand, { kind: 'open-socket' }>

function setUp(isFixed = false) {
  const outputs: NodeOutput[] = []
  const sockets = new UnderlaySockets((output) => void outputs.push(output), seededRandom(7))
  sockets.open(7481, isFixed)
  const opened = () => commands(outputs).filter((command): command is Opened => command.kind === 'open-socket')
  return { sockets, outputs, opened }
}

function commands(outputs: readonly NodeOutput[]): DatapathCommand[] {
  return outputs.flatMap((output) => (output.kind === 'datapath' ? [output.command] : []))
}

function succeed(sockets: UnderlaySockets, opened: Opened | undefined): boolean {
  assert.ok(opened)
  return sockets.onReport({ kind: 'socket-opened', socket: opened.socket, family: opened.family, port: opened.port })
}

function fail(sockets: UnderlaySockets, opened: { readonly socket: SocketId } | undefined, code: string): void {
  assert.ok(opened)
  sockets.onReport({ kind: 'socket-failed', socket: opened.socket, code })
}
