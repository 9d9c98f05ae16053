import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type IpAddress, ipBytes, milliseconds } from '@weft/base'
import type { NetmapPeer } from '@weft/coordinator-protocol'
import { buildIcmpPacket, PacketView } from '@weft/packet'
import type { PeerIndex } from '@weft/wireguard'
import type { NodeOutput, PingOutcome } from '../src/node-interface.ts'
import { Peer } from '../src/peer.ts'
import type { VerifiedIdentity } from '../src/peer-verification.ts'
import { Pings } from '../src/pings.ts'
import { START, seededRandom } from './test-mesh.ts'

const OWN = '100.80.0.1' as IpAddress
const PEER = '100.80.0.2' as IpAddress

test('an answer by the right peer from the right address ends the ping with its time', () => {
  const { pings, peer, request, outcomes } = sent()
  pings.onEcho({ kind: 'echo', peer: peer.index, packet: replyTo(request, PEER), at: after(30) })
  assert.deepEqual(outcomes(), [{ kind: 'reply', peer: peer.identity.id, address: PEER, rttMs: 30 }])
  assert.equal(peer.rttMs, 30)
  assert.equal(pings.nextTimeout(), undefined)
})

test('an answer by another peer, from another address, altered or repeated counts for nothing', () => {
  const { pings, peer, request, outcomes } = sent()
  const good = replyTo(request, PEER)
  const altered = replyTo(request, PEER, (message) => {
    message[message.length - 1] = (message.at(-1) ?? 0) ^ 1
  })
  for (const [index, packet] of [
    [peer.index + 1, good],
    [peer.index, replyTo(request, '100.80.0.3' as IpAddress)],
    [peer.index, altered],
    [peer.index, good.subarray(0, 30)],
    [peer.index, new Uint8Array(0)],
  ] as const)
    pings.onEcho({ kind: 'echo', peer: index as PeerIndex, packet, at: after(1) })
  assert.deepEqual(outcomes(), [])
  pings.onEcho({ kind: 'echo', peer: peer.index, packet: good, at: after(2) })
  pings.onEcho({ kind: 'echo', peer: peer.index, packet: good, at: after(3) })
  assert.equal(outcomes().length, 1)
})

test('a ping without an answer ends at its deadline', () => {
  const { pings, outcomes } = sent()
  assert.equal(pings.nextTimeout(), after(1_000))
  pings.wake(after(999))
  assert.deepEqual(outcomes(), [])
  pings.wake(after(1_000))
  assert.equal(outcomes()[0]?.kind, 'timeout')
})

test('no two pings under way have the same data', () => {
  const { pings, outputs, peer } = setUp()
  for (let token = 0; token < 100; token++) send(pings, peer, token)
  const packets = packetsOf(outputs).map((packet) => packet.toHex())
  assert.equal(new Set(packets).size, 100)
})

test('too many pings at a time are refused', () => {
  const { pings, outputs, peer } = setUp()
  for (let token = 0; token < 2_000; token++) send(pings, peer, token)
  assert.ok(outputs.some((output) => output.kind === 'ping-answer' && output.outcome.kind === 'busy'))
  assert.equal(packetsOf(outputs).length, 1024)
})

function setUp() {
  const outputs: NodeOutput[] = []
  const pings = new Pings((output) => void outputs.push(output), seededRandom(3))
  const peer = new Peer(7 as PeerIndex, { id: 'bob' } as unknown as VerifiedIdentity, {} as NetmapPeer)
  return { pings, outputs, peer }
}

function sent() {
  const { pings, outputs, peer } = setUp()
  send(pings, peer, 1)
  const [request] = packetsOf(outputs)
  assert.ok(request)
  const outcomes = (): PingOutcome[] =>
    outputs.flatMap((output) => (output.kind === 'ping-answer' ? [output.outcome] : []))
  return { pings, peer, request, outcomes }
}

function send(pings: Pings, peer: Peer, token: number): void {
  pings.send({ token, peer, source: OWN, destination: PEER }, milliseconds(1_000), START)
}

function packetsOf(outputs: readonly NodeOutput[]): Uint8Array[] {
  return outputs.flatMap((output) =>
    output.kind === 'datapath' && output.command.kind === 'send-packet' ? [output.command.packet] : [],
  )
}

function replyTo(request: Uint8Array, from: IpAddress, change: (message: Uint8Array) => void = () => {}): Uint8Array {
  const view = new PacketView()
  assert.ok(view.read(request, 0, request.length))
  const message = request.slice(view.transportOffset)
  message[0] = 0
  change(message)
  return buildIcmpPacket(ipBytes(from), ipBytes(OWN), message)
}

const after = (milliseconds: number) => (START.instant + milliseconds) as typeof START.instant
