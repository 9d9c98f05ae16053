import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Endpoint, instant, type Now, wallTime } from '@weft/base'
import { nativeCrypto as crypto } from '@weft/crypto'
import type { DirectPath, SocketId } from '@weft/datapath'
import { type NodeId, nodeIdOf, PrivateKey } from '@weft/keys'
import { seededRandom } from '@weft/testing'
import { encodeProbeMessage, type ProbeMessage } from '../src/probe-messages.ts'
import { ProbeSeal } from '../src/probe-seal.ts'
import { Traversal } from '../src/traversal.ts'

const random = seededRandom(5)
const [alice, bob, carol, eve] = Array.from({ length: 4 }, party) as [Party, Party, Party, Party]
const call: ProbeMessage = { kind: 'call', sequence: 1, lost: true, relays: [], endpoints: [] }

test('a common peer carries the caller’s own call to a peer that it knows, sealed anew', () => {
  const world = atCarol()
  const datagram = seal(alice, bob).seal(encodeProbeMessage(call))
  world.hear(alice, { kind: 'carry', sequence: 1, node: bob.id, datagram })
  assert.deepEqual(
    world.sent.map(({ to }) => to),
    [bob.endpoint],
  )
  assert.ok(seal(bob, carol).open(world.sent[0]?.datagram ?? new Uint8Array()))
})

test('it carries nothing for strangers, to strangers, of others, nor what is no call of the caller’s to it', () => {
  const world = atCarol()
  const own = seal(alice, bob).seal(encodeProbeMessage(call))
  world.hear(alice, { kind: 'carry', sequence: 1, node: eve.id, datagram: own })
  world.hear(bob, { kind: 'carry', sequence: 1, node: alice.id, datagram: own })
  world.hear(alice, { kind: 'carry', sequence: 2, node: bob.id, datagram: Uint8Array.of(1, 2, 3) })
  world.hear(alice, { kind: 'carry', sequence: 3, node: carol.id, datagram: own })
  world.hear(bob, {
    kind: 'carry',
    sequence: 2,
    node: carol.id,
    datagram: seal(alice, carol).seal(
      encodeProbeMessage({ kind: 'reply', sequence: 9, transaction: '00'.repeat(8), observed: bob.endpoint }),
    ),
  })
  world.hear(eve, { kind: 'carry', sequence: 1, node: bob.id, datagram: own })
  assert.deepEqual(world.sent, [])
  assert.deepEqual(Object.fromEntries(world.drops), { 'carry-refused': 5, 'probe-unknown-sender': 1 })
})

test('it carries a few a second for each', () => {
  const world = atCarol()
  const datagram = seal(alice, bob).seal(encodeProbeMessage(call))
  for (let sequence = 1; sequence <= 60; sequence++)
    world.hear(alice, { kind: 'carry', sequence, node: bob.id, datagram })
  assert.equal(world.sent.length, 16)
  world.pass(1_000)
  for (let sequence = 61; sequence <= 80; sequence++)
    world.hear(alice, { kind: 'carry', sequence, node: bob.id, datagram })
  assert.equal(world.sent.length, 20)
})

test('a call that was carried counts once, and is answered by who carried it', () => {
  const world = atCarol()
  const datagram = seal(alice, carol).seal(encodeProbeMessage(call))
  world.hear(bob, { kind: 'carry', sequence: 1, node: carol.id, datagram })
  world.hear(bob, { kind: 'carry', sequence: 2, node: carol.id, datagram })
  assert.equal(world.drops.get('probe-replayed'), 1)
  const toBob = world.sent.filter(({ to }) => to === bob.endpoint)
  assert.equal(toBob.length, 1)
})

interface Party {
  readonly id: NodeId
  readonly probe: PrivateKey<'probe'>
  readonly endpoint: Endpoint
}

function party(_: unknown, number: number): Party {
  const identity = PrivateKey.generate('identity', random)
  return {
    id: nodeIdOf(identity.publicKey(crypto), crypto),
    probe: PrivateKey.generate('probe', random),
    endpoint: `192.0.2.${number + 1}:7481` as Endpoint,
  }
}

function seal(own: Party, peer: Party): ProbeSeal {
  const peerKey = peer.probe.publicKey(crypto)
  const made = ProbeSeal.create({ own: own.id, probeKey: own.probe, peer: peer.id, peerKey, crypto, random })
  assert.ok(made)
  return made
}

/** Carol knows alice and bob, and has sent nothing to either. */
function atCarol() {
  let now: Now = { instant: instant(1_000), wall: wallTime(Date.UTC(2026, 10, 28)) }
  const sent: { to: Endpoint; datagram: Uint8Array }[] = []
  const drops = new Map<string, number>()
  const pathTo = (remote: Endpoint): DirectPath => ({ kind: 'direct', socket: 0 as SocketId, remote })
  const traversal = new Traversal(
    {
      crypto,
      random,
      meter: () => ({ sentBytes: 0, receivedBytes: 0 }) as never,
      ownEndpoints: () => [carol.endpoint],
      refreshEndpoints: () => undefined,
      pathTo,
      send: (_peer, path, datagram) => {
        if (path.kind === 'direct' && datagram.length > 97) sent.push({ to: path.remote, datagram })
      },
      use: () => undefined,
      doubt: () => undefined,
      wantRelays: () => undefined,
      searchRelays: () => undefined,
      changed: () => undefined,
      drop: (reason) => drops.set(reason, (drops.get(reason) ?? 0) + 1),
      sendOnLan: () => undefined,
      seenAs: () => undefined,
    },
    { id: carol.id, probeKeys: [carol.probe] },
    now,
  )
  for (const [index, peer] of [alice, bob].entries())
    traversal.add({ index, id: peer.id, probeKey: peer.probe.publicKey(crypto) }, [peer.endpoint], now)
  return {
    sent,
    drops,
    hear: (from: Party, message: ProbeMessage) =>
      traversal.onDatagram(seal(from, carol).seal(encodeProbeMessage(message)), pathTo(from.endpoint), now),
    pass: (milliseconds: number) => {
      now = { ...now, instant: instant(now.instant + milliseconds) }
    },
  }
}
