import assert from 'node:assert/strict'
import { type IpAddress, runOf } from '@weft/base'
import { RING_SLOT_BYTES, type SocketId, UP_BURST } from '@weft/datapath'
import { type NodeId, PrivateKey, type PublicKey } from '@weft/keys'
import { portableCrypto } from '@weft/keys/portable'
import { mac1KeyOf } from '@weft/wireguard'
import { seededRandom } from '../seeded-random.ts'
import { udpPacket } from '../test-packets.ts'
import { ALICE4, BOB4, claimOf, type MakeHarness } from './scene.ts'

const RELAY = 'c'.repeat(32) as NodeId
const INITIATION_LENGTH = 148
const RESPONSE_LENGTH = 92
const COOKIE_REPLY_LENGTH = 64
/** Fits in what a socket may hold, and is more than goes up at once. */
const FLOOD = UP_BURST + 600

/** What goes up to the node although strangers can cause it. */
export function wayUpClaims(make: MakeHarness): void {
  claimOf(make, 'a handshake goes up when its mac1 holds, with the number of the key', async (scene) => {
    await scene.tell({ kind: 'set-local-keys', keys: [nodeKey(1), nodeKey(2)] })
    for (const [type, length, key] of [
      [1, INITIATION_LENGTH, 2],
      [2, RESPONSE_LENGTH, 1],
    ] as const) {
      const message = handshakeMessage(type, length, nodeKey(key))
      scene.h.receive(message)
      const report = await scene.h.takeReport('handshake')
      assert.deepEqual([report.message, report.localKey], [message, key - 1])
      assert.ok(report.path.kind === 'direct' && report.path.remote === scene.h.remote)
    }
  })

  claimOf(make, 'a handshake for another node, or of a wrong length, does not go up', async (scene) => {
    await scene.tell({ kind: 'set-local-keys', keys: [nodeKey(1)] })
    scene.h.receive(handshakeMessage(1, INITIATION_LENGTH, nodeKey(3)))
    await scene.expectDrops('mac1-wrong')
    scene.h.receive(handshakeMessage(1, INITIATION_LENGTH + 1, nodeKey(1)))
    scene.h.receive(handshakeMessage(2, RESPONSE_LENGTH - 1, nodeKey(1)))
    await scene.expectDrops('malformed-datagram', 2)
    assert.equal(scene.h.untaken('handshake'), 0)
  })

  claimOf(make, 'a key that is no longer ours lets nothing up', async (scene) => {
    await scene.tell({ kind: 'set-local-keys', keys: [nodeKey(1)] })
    await scene.tell({ kind: 'set-local-keys', keys: [nodeKey(2)] })
    scene.h.receive(handshakeMessage(1, INITIATION_LENGTH, nodeKey(1)))
    await scene.expectDrops('mac1-wrong')
  })

  claimOf(make, 'a cookie reply goes up without a key', async (scene) => {
    const reply = new Uint8Array(COOKIE_REPLY_LENGTH)
    reply[0] = 3
    scene.h.receive(reply)
    const report = await scene.h.takeReport('handshake')
    assert.deepEqual([report.message, report.localKey], [reply, -1])
  })

  claimOf(make, 'a handshake by relay goes up with the relay as its path', async (scene) => {
    const message = handshakeMessage(1, INITIATION_LENGTH, nodeKey(1))
    await scene.tell(
      { kind: 'set-local-keys', keys: [nodeKey(1)] },
      { kind: 'receive-relayed', relay: RELAY, run: runOf(message.slice()) },
    )
    const report = await scene.h.takeReport('handshake')
    assert.deepEqual([report.message, report.path], [message, { kind: 'relayed', relay: RELAY }])
  })

  claimOf(make, 'any other datagram goes up with where it came from, a STUN answer too', async (scene) => {
    const answer = Uint8Array.of(1, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42)
    scene.h.receive(answer, scene.h.other)
    const report = await scene.h.takeReport('datagram')
    assert.deepEqual([report.datagram, report.path.remote], [answer, scene.h.other])
  })

  claimOf(make, 'a datagram too long for the ring is malformed', async (scene) => {
    scene.h.receive(new Uint8Array(RING_SLOT_BYTES + 1).fill(0x99))
    await scene.expectDrops('malformed-datagram')
  })

  claimOf(make, 'a flood from a stranger is cut off', async (scene) => {
    for (let i = 0; i < FLOOD; i++) scene.h.receive(Uint8Array.of(0x99, i & 0xff))
    await scene.h.until(() => scene.h.drops()['rate-limited'] > 0)
    assert.ok(scene.h.untaken('datagram') < FLOOD)
  })

  claimOf(make, 'a flood of other datagrams does not keep handshakes out', async (scene) => {
    await scene.tell({ kind: 'set-local-keys', keys: [nodeKey(1)] })
    for (let i = 0; i < FLOOD; i++) scene.h.receive(Uint8Array.of(0x99, i & 0xff))
    await scene.h.until(() => scene.h.drops()['rate-limited'] > 0)
    const message = handshakeMessage(1, INITIATION_LENGTH, nodeKey(1))
    // The flood may still fill the sockets' buffers, so one alone could get lost before anyone looks at it.
    await scene.h.until(() => {
      if (scene.h.untaken('handshake') === 0) scene.h.receive(message)
      return scene.h.untaken('handshake') > 0
    })
  })

  claimOf(make, 'a flood of cookie replies, which need no key, does not keep handshakes out', async (scene) => {
    await scene.tell({ kind: 'set-local-keys', keys: [nodeKey(1)] })
    const reply = new Uint8Array(COOKIE_REPLY_LENGTH)
    reply[0] = 3
    for (let i = 0; i < FLOOD; i++) scene.h.receive(reply)
    await scene.h.until(() => scene.h.drops()['rate-limited'] > 0)
    const message = handshakeMessage(1, INITIATION_LENGTH, nodeKey(1))
    const replies = scene.h.untaken('handshake')
    await scene.h.until(() => {
      if (scene.h.untaken('handshake') === replies) scene.h.receive(message)
      return scene.h.untaken('handshake') > replies
    })
  })

  claimOf(make, 'a datagram of the node is sent as it is', async (scene) => {
    const path = scene.direct(scene.h.other)
    assert.ok(path.kind === 'direct')
    await scene.tell({ kind: 'send-datagram', path, datagram: Uint8Array.of(1, 2, 3) })
    assert.deepEqual(await scene.h.takeDatagram(scene.h.other), Uint8Array.of(1, 2, 3))
  })

  claimOf(
    make,
    'what this machine sends to an address of the node goes up, and the answer comes down',
    async (scene) => {
      const [question, answer] = [toNode(1), toNode(2)]
      await scene.addBob()
      await scene.tell({ kind: 'set-node-addresses', addresses: [NODE4] })
      scene.h.portPacket(question)
      assert.deepEqual((await scene.h.takeReport('node-packet')).packet, question)
      await scene.tell({ kind: 'deliver-packet', packet: answer })
      await scene.expectDelivered(answer)
    },
  )

  claimOf(make, 'what a peer sends to an address of the node does not go up', async (scene) => {
    const bob = await scene.connectBob()
    await scene.tell({ kind: 'set-node-addresses', addresses: [NODE4] })
    const packet = udpPacket({ source: BOB4, destination: NODE4, sourcePort: 5000, destinationPort: 53, data: DATA })
    scene.h.receive(bob.seal(packet))
    await scene.expectDelivered(packet)
    assert.equal(scene.h.untaken('node-packet'), 0)
  })

  claimOf(make, 'an address that the node has no more is of no peer', async (scene) => {
    await scene.tell({ kind: 'set-node-addresses', addresses: [NODE4] })
    await scene.tell({ kind: 'set-node-addresses', addresses: [] })
    scene.h.portPacket(toNode(1))
    await scene.expectDrops('no-peer')
    assert.equal(scene.h.untaken('node-packet'), 0)
  })

  claimOf(make, 'a socket that is opened tells its port', async (scene) => {
    await scene.tell()
    scene.h.tell({ kind: 'open-socket', socket: 5 as SocketId, family: 4, port: 0 })
    const { socket, family, port } = await scene.h.takeReport('socket-opened')
    assert.deepEqual([socket, family], [5, 4])
    assert.ok(port > 0 && port <= 65_535)
  })
}

const NODE4 = '10.9.0.53' as IpAddress
const DATA = new Uint8Array(20).fill(7)

const toNode = (tag: number): Uint8Array =>
  udpPacket({
    source: ALICE4,
    destination: NODE4,
    sourcePort: 5000,
    destinationPort: 53,
    data: new Uint8Array(20).fill(tag),
  })

function nodeKey(seed: number): PublicKey<'node'> {
  return PrivateKey.generate('node', seededRandom(seed)).publicKey(portableCrypto)
}

/** Of a handshake's form and with a right mac1, but otherwise random. */
function handshakeMessage(type: number, length: number, receiver: PublicKey<'node'>): Uint8Array {
  const message = new Uint8Array(length)
  seededRandom(length).fill(message)
  message.set([type, 0, 0, 0])
  const mac1At = length - 32
  message.set(portableCrypto.blake2sMac(mac1KeyOf(receiver, portableCrypto), message.subarray(0, mac1At)), mac1At)
  return message
}
