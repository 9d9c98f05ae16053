/*
 *   alice ─┐
 *   bob   ─┤
 *          ├─ lan   192.0.2.0/24
 *   dora  ─┤  the coordinator
 *   eve   ─┘  a stranger, who can also read the wire
 */
import assert from 'node:assert/strict'
import { randomBytes, randomInt } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Lab, LabMesh, type Machine, type MeshNode, reporting, skipReason, until } from '../src/index.ts'
import { databaseOf, factsOf, filesBelow } from './inspection.ts'
import { packetsOf, type RecordedPacket, streamOf } from './pcap.ts'
import { program } from './programs/index.ts'

const NODE_PORT = 7481
const COORDINATOR_PORT = 7480

describe('a stranger on the wire', { skip: skipReason(), timeout: 180_000 }, () => {
  let lab: Lab
  let mesh: LabMesh
  let alice: MeshNode
  let bob: MeshNode
  let eve: Machine
  let toBob: readonly RecordedPacket[]
  let toDora: Uint8Array

  before(async () => {
    lab = await Lab.create()
    const lan = lab.switch('lan', { v4: '192.0.2.0/24' })
    await reporting(lab, async () => {
      const dora = lab.machine('dora')
      mesh = await LabMesh.serve(dora)
      const capture = await lan.capture(dora, `tcp port ${COORDINATOR_PORT}`)
      ;[alice, bob] = await mesh.joinAll(lab.machine('alice'), lab.machine('bob'))
      toDora = channelStreamOf(packetsOf(await capture.stop()), alice.machine.address)
      const second = await lan.capture(bob.machine, `udp port ${NODE_PORT}`)
      await alice.reaches(bob.v4)
      assert.equal(await alice.ping(bob.v4, 20, 0.02), 0)
      const recorded = packetsOf(await second.stop())
      toBob = recorded.filter(
        ({ destinationPort, source }) => destinationPort === NODE_PORT && source === alice.machine.address,
      )
    })
    eve = lab.machine('eve')
    // Nodes write their netmaps a while after they got them.
    await until('each has stored the last change of the other', () => {
      const devices = databaseOf(mesh.machine).devices as readonly { name: string; changed: number }[]
      return [alice, bob].every(({ machine }) =>
        devices.every(({ name, changed }) => name === machine.name || storedNetmapNumber(machine) >= changed),
      )
    })
  })
  after(() => lab[Symbol.dispose]())

  /** Nothing that is known or stored may differ afterwards, and everything goes on. */
  const claim = (name: string, counted: readonly string[], attack: () => Promise<void>) =>
    it(name, () =>
      reporting(lab, async () => {
        const [before, counts] = [await everything(), await countsOf(mesh, bob)]
        await attack()
        assert.deepEqual(await everything(), before)
        const since = grown(counts, await countsOf(mesh, bob))
        for (const reason of counted) assert.ok(since.includes(reason), `${reason} is not among ${since.join(', ')}`)
        assert.equal(await alice.ping(bob.v4, 10, 0.02), 0)
        assert.equal(await bob.ping(alice.v6, 10, 0.02), 0)
        await eve.ok('curl', '-sf', '-m', '5', `${mesh.url}/healthz`)
      }),
    )

  const everything = async () => ({
    alice: await factsOf(alice),
    bob: await factsOf(bob),
    rows: databaseOf(mesh.machine),
    mesh: [alice.machine, bob.machine].map((machine) => membershipFiles(machine)),
  })

  claim(
    'changes nothing by random datagrams to a node',
    ['node:mac1-wrong', 'node:unknown-receiver', 'node:unknown-datagram'],
    () =>
      sendDatagrams(eve, bob, [
        ...Array.from({ length: 1000 }, () => randomBytes(randomInt(1, 1400))),
        ...[1, 2, 3, 4, 5].flatMap((type) => Array.from({ length: 200 }, () => looksLike(type))),
      ]),
  )

  claim(
    'changes nothing by datagrams of the wire, cut or flipped',
    ['node:mac1-wrong', 'node:not-authentic'],
    async () => {
      const samples = [...toBob.filter(({ payload }) => payload.length === 148), ...toBob.slice(-3)]
      assert.ok(samples.length > 3, 'a handshake was recorded')
      await sendDatagrams(
        eve,
        bob,
        samples.flatMap(({ payload }) => [...cutAnywhere(payload), ...flippedAnywhere(payload)]),
      )
    },
  )

  claim(
    'changes nothing by what a node sent before, once more',
    ['node:replayed', 'node:initiation-replayed'],
    async () => {
      assert.ok(toBob.length >= 20)
      await sendDatagrams(
        eve,
        bob,
        toBob.map(({ payload }) => payload),
      )
    },
  )

  claim('changes nothing by junk to the coordinator’s port', ['coordinator:http-malformed'], async () => {
    const junk = [
      ...Array.from({ length: 100 }, () => randomBytes(randomInt(1, 4000))),
      Buffer.from('GET /v1/channel HTTP/1.1\r\nhost: x\r\n\r\n'),
      Buffer.from(`GET /${'x'.repeat(100_000)} HTTP/1.1\r\n`),
      Buffer.from('POST /v1/join HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{}'),
    ]
    await sendLines(eve, junk, ...program('tcp-junk', mesh.machine.address, COORDINATOR_PORT))
  })

  claim(
    'changes nothing by what a node sent to the coordinator, once more, whole or cut',
    ['coordinator:handshake-failed'],
    async () => {
      assert.ok(toDora.length > 500)
      const cuts = Array.from({ length: 40 }, () => toDora.subarray(0, randomInt(1, toDora.length)))
      await sendLines(eve, [toDora, toDora, ...cuts], ...program('tcp-junk', mesh.machine.address, COORDINATOR_PORT))
    },
  )

  claim('changes nothing by frames of the channel that are none', ['coordinator:handshake-failed'], async () => {
    const url = `${mesh.url.replace('http', 'ws')}/v1/channel`
    const input = Array.from({ length: 60 }, () => randomFrames()).join('\n')
    const { code, stdout, stderr } = await eve.runWith({ input: `${input}\n` }, ...program('websocket-junk', url))
    assert.equal(code, 0, stderr)
    assert.equal(stdout.trim().split('\n').length, 60)
  })

  claim(
    'changes nothing by junk to the sockets of the machines, as another user of them',
    ['socket:malformed', 'socket:bad-request', 'socket:unknown-method', 'socket:denied'],
    async () => {
      for (const [machine, socket] of [
        [bob.machine, '/run/weft/agent.sock'],
        [mesh.machine, '/var/lib/weft/coordinator.sock'],
      ] as const) {
        const junk = [
          ...Array.from({ length: 50 }, () => randomBytes(randomInt(1, 4000))),
          Buffer.from('POST /v1/down HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{'),
          ...['down', 'up', 'link-create', 'nothing'].map((method) => httpPost(method, '{"junk":true}')),
        ]
        await sendLines(machine, junk, ...program('tcp-junk', socket))
        // Root's own change would be allowed; a nobody's is not.
        await sendLines(machine, [httpPost('down', '{}')], ...asNobody, ...program('tcp-junk', socket))
      }
    },
  )
})

const asNobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'] as const

/** What the node, its socket and the coordinator did without since their start, by reason. */
async function countsOf(mesh: LabMesh, node: MeshNode): Promise<Readonly<Record<string, number>>> {
  const { dropped, refusedRequests } = await node.status()
  const { refused } = await coordinatorStatus(mesh)
  return { ...prefixed('node', dropped), ...prefixed('socket', refusedRequests), ...prefixed('coordinator', refused) }
}

async function coordinatorStatus({ machine }: LabMesh): Promise<{ readonly refused: Counts }> {
  const socket = ['--unix-socket', '/var/lib/weft/coordinator.sock']
  const answer = await machine.ok('curl', '-sS', ...socket, '-X', 'POST', 'http://weft/v1/status')
  return JSON.parse(answer).result
}

type Counts = Readonly<Record<string, number>>

function prefixed(prefix: string, counts: Counts): Counts {
  return Object.fromEntries(Object.entries(counts).map(([reason, count]) => [`${prefix}:${reason}`, count]))
}

function grown(before: Counts, after: Counts): readonly string[] {
  return Object.keys(after).filter((reason) => (after[reason] ?? 0) > (before[reason] ?? 0))
}

function storedNetmapNumber(machine: Machine): number {
  const meshes = machine.path('var/lib/weft/meshes')
  const text = readFileSync(join(meshes, readdirSync(meshes)[0] ?? '', 'netmap.json'), 'utf8')
  // The whole, or what was added last.
  const last = JSON.parse(text.trim().split('\n').at(-1) ?? '')
  return (last.netmap ?? last).number
}

function membershipFiles(machine: Machine): ReadonlyMap<string, string> {
  return filesBelow(machine.path('var/lib/weft/meshes'))
}

async function sendDatagrams(from: Machine, to: MeshNode, datagrams: readonly Uint8Array[]): Promise<void> {
  await sendLines(from, datagrams, ...program('udp-send', to.machine.address, NODE_PORT))
}

async function sendLines(from: Machine, lines: readonly Uint8Array[], ...command: readonly string[]): Promise<void> {
  const [first = '', ...rest] = command
  const input = lines.map((line) => `${line.toHex()}\n`).join('')
  const { code, stdout, stderr } = await from.runWith({ input }, first, ...rest)
  assert.equal(code, 0, stderr)
  assert.equal(Number(stdout), lines.length)
}

/** Of the length that a message of this type has, with the type's first four bytes. */
function looksLike(type: number): Uint8Array {
  const length = { 1: 148, 2: 92, 3: 64 }[type] ?? 32 + 16 * randomInt(0, 80)
  const datagram = randomBytes(length)
  datagram.set([type, 0, 0, 0])
  return datagram
}

function cutAnywhere(datagram: Uint8Array): readonly Uint8Array[] {
  return Array.from({ length: datagram.length - 1 }, (_, length) => datagram.subarray(0, length + 1))
}

function flippedAnywhere(datagram: Uint8Array): readonly Uint8Array[] {
  return Array.from(datagram, (byte, at) => datagram.with(at, byte ^ (1 << randomInt(8))))
}

function randomFrames(): string {
  const sizes = Array.from({ length: randomInt(1, 5) }, () => [1, 32, 96, 200, 70_000][randomInt(5)] ?? 1)
  return sizes.map((size) => randomBytes(size).toString('hex')).join(' ')
}

/** The bytes of the longest connection that the machine had to the coordinator. */
function channelStreamOf(packets: readonly RecordedPacket[], source: string): Uint8Array {
  const own = packets.filter((packet) => packet.source === source && packet.destinationPort === COORDINATOR_PORT)
  const streams = Map.groupBy(own, ({ sourcePort }) => sourcePort)
    .values()
    .map(streamOf)
  return streams.reduce((longest, stream) => (stream.length > longest.length ? stream : longest), new Uint8Array())
}

function httpPost(method: string, body: string): Buffer {
  return Buffer.from(`POST /v1/${method} HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
}
