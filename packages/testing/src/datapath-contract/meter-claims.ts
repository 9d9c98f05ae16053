import assert from 'node:assert/strict'
import { BOB, claimOf, fromAlice, fromBob, type MakeHarness } from './scene.ts'

const KEEPALIVE_BYTES = 32
/** 48 bytes of packet with header and tag. */
const DATA_BYTES = 80

/** What is counted and watched of a peer. */
export function meterClaims(make: MakeHarness): void {
  claimOf(make, 'meters count the bytes of datagrams, keepalives included', async (scene) => {
    const bob = await scene.connectBob()
    scene.h.portPacket(fromAlice(1))
    await scene.expectSealed(bob, fromAlice(1))
    await scene.tell({ kind: 'send-keepalive', peer: BOB })
    assert.equal((await scene.h.takeDatagram()).length, KEEPALIVE_BYTES)
    await scene.h.until(() => scene.h.meter(BOB).sentBytes === DATA_BYTES + KEEPALIVE_BYTES)
    scene.h.receive(bob.seal(fromBob(1)))
    scene.h.receive(bob.seal(new Uint8Array(0)))
    await scene.h.until(() => scene.h.meter(BOB).receivedBytes === DATA_BYTES + KEEPALIVE_BYTES)
  })

  claimOf(make, 'a fresh meter holds no moments', async (scene) => {
    await scene.addBob()
    assert.deepEqual(scene.h.meter(BOB), {
      sentBytes: 0,
      receivedBytes: 0,
      lastSent: undefined,
      lastReceived: undefined,
      unansweredSince: undefined,
      owedSince: undefined,
    })
  })

  claimOf(
    make,
    'data sent is unanswered until anything authentic comes; a keepalive asks for no answer',
    async (scene) => {
      const bob = await scene.connectBob()
      const begin = scene.h.now()
      await scene.tell({ kind: 'send-keepalive', peer: BOB })
      await scene.h.takeDatagram()
      await scene.h.until(() => scene.h.meter(BOB).lastSent !== undefined)
      assert.equal(scene.h.meter(BOB).unansweredSince, undefined)
      scene.h.portPacket(fromAlice(1))
      await scene.h.until(() => scene.h.meter(BOB).unansweredSince !== undefined)
      const since = scene.h.meter(BOB).unansweredSince ?? 0
      assert.ok(begin <= since && since <= scene.h.now())
      scene.h.receive(bob.seal(new Uint8Array(0)))
      await scene.h.until(() => scene.h.meter(BOB).unansweredSince === undefined)
    },
  )

  claimOf(make, 'a new session is an answer too', async (scene) => {
    const bob = await scene.connectBob()
    scene.h.portPacket(fromAlice(1))
    await scene.expectSealed(bob, fromAlice(1))
    await scene.h.until(() => scene.h.meter(BOB).unansweredSince !== undefined)
    await scene.install(scene.farEnd(8))
    await scene.h.until(() => scene.h.meter(BOB).unansweredSince === undefined)
  })

  claimOf(make, 'data received is owed an answer until anything is sent; a keepalive owes none', async (scene) => {
    const bob = await scene.connectBob()
    scene.h.receive(bob.seal(new Uint8Array(0)))
    await scene.h.until(() => scene.h.meter(BOB).lastReceived !== undefined)
    assert.equal(scene.h.meter(BOB).owedSince, undefined)
    scene.h.receive(bob.seal(fromBob(1)))
    await scene.h.until(() => scene.h.meter(BOB).owedSince !== undefined)
    await scene.tell({ kind: 'send-keepalive', peer: BOB })
    await scene.h.until(() => scene.h.meter(BOB).owedSince === undefined)
  })

  claimOf(make, 'a watched activity is reported once, when it begins', async (scene) => {
    const bob = await scene.connectBob()
    await scene.tell(
      { kind: 'watch-activity', peer: BOB, activity: 'sent' },
      { kind: 'watch-activity', peer: BOB, activity: 'received' },
    )
    assert.equal(scene.h.untaken('activity'), 0)
    for (const tag of [1, 2]) {
      scene.h.portPacket(fromAlice(tag))
      await scene.expectSealed(bob, fromAlice(tag))
    }
    assert.deepEqual(await scene.h.takeReport('activity'), { kind: 'activity', peer: BOB, activity: 'sent' })
    for (const tag of [1, 2]) {
      scene.h.receive(bob.seal(fromBob(tag)))
      await scene.expectDelivered(fromBob(tag))
    }
    assert.deepEqual(await scene.h.takeReport('activity'), { kind: 'activity', peer: BOB, activity: 'received' })
    await scene.tell()
    assert.equal(scene.h.untaken('activity'), 0)
  })

  claimOf(make, 'an activity that is already there is reported when it begins to be watched', async (scene) => {
    const bob = await scene.connectBob()
    scene.h.portPacket(fromAlice(1))
    await scene.expectSealed(bob, fromAlice(1))
    await scene.h.until(() => scene.h.meter(BOB).unansweredSince !== undefined)
    await scene.tell({ kind: 'watch-activity', peer: BOB, activity: 'sent' })
    assert.equal((await scene.h.takeReport('activity')).activity, 'sent')
  })
}
