import assert from 'node:assert/strict'
import { STAGED_LIMIT } from '@weft/datapath'
import { BOB, claimOf, fromAlice, fromBob, type MakeHarness } from './scene.ts'

/** How sessions come, follow each other and go. */
export function sessionClaims(make: MakeHarness): void {
  claimOf(make, 'the first packet wants a session, once, and waits for it with those that follow', async (scene) => {
    await scene.addBob()
    for (const tag of [1, 2, 3]) scene.h.portPacket(fromAlice(tag))
    assert.equal((await scene.h.takeReport('session-wanted')).peer, BOB)
    await scene.h.until(() => scene.h.untaken('flow') === 1)
    await scene.tell()
    assert.equal(scene.h.untaken('session-wanted'), 0)
    const bob = await scene.install(scene.farEnd(7))
    for (const tag of [1, 2, 3]) await scene.expectSealed(bob, fromAlice(tag))
  })

  claimOf(make, 'of the packets that wait for a session the oldest make room', async (scene) => {
    await scene.addBob()
    for (let tag = 0; tag < STAGED_LIMIT + 2; tag++) scene.h.portPacket(fromAlice(tag))
    await scene.expectDrops('staging-full', 2)
    const bob = await scene.install(scene.farEnd(7))
    await scene.expectSealed(bob, fromAlice(2))
  })

  claimOf(make, 'packets that waited in vain are dropped, and the next one wants a session again', async (scene) => {
    await scene.addBob()
    scene.h.portPacket(fromAlice(1))
    await scene.h.takeReport('session-wanted')
    await scene.tell({ kind: 'drop-staged', peer: BOB })
    await scene.expectDrops('staging-dropped')
    scene.h.portPacket(fromAlice(2))
    await scene.h.takeReport('session-wanted')
    const bob = await scene.install(scene.farEnd(7))
    await scene.expectSealed(bob, fromAlice(2))
  })

  claimOf(make, 'a keepalive without a session wants one', async (scene) => {
    await scene.addBob()
    await scene.tell({ kind: 'send-keepalive', peer: BOB })
    assert.equal((await scene.h.takeReport('session-wanted')).peer, BOB)
  })

  claimOf(make, "a responder's session sends nothing until the peer has used it", async (scene) => {
    await scene.addBob()
    const bob = await scene.install(scene.farEnd(7, { role: 'responder' }))
    scene.h.portPacket(fromAlice(1))
    await scene.h.takeReport('session-wanted')
    scene.h.receive(bob.seal(new Uint8Array(0)))
    const confirmed = await scene.h.takeReport('session-confirmed')
    assert.deepEqual([confirmed.peer, confirmed.localIndex], [BOB, 7])
    assert.ok(confirmed.path.kind === 'direct' && confirmed.path.remote === scene.h.remote)
    await scene.expectSealed(bob, fromAlice(1))
    scene.h.receive(bob.seal(fromBob(1)))
    await scene.expectDelivered(fromBob(1))
    assert.equal(scene.h.untaken('session-confirmed'), 0)
  })

  claimOf(make, "until a responder's session is confirmed the current one goes on", async (scene) => {
    const first = await scene.connectBob()
    const second = await scene.install(scene.farEnd(8, { role: 'responder' }))
    scene.h.portPacket(fromAlice(1))
    await scene.expectSealed(first, fromAlice(1))
    scene.h.receive(second.seal(fromBob(2)))
    await scene.expectDelivered(fromBob(2))
    scene.h.portPacket(fromAlice(3))
    await scene.expectSealed(second, fromAlice(3))
  })

  claimOf(make, 'the previous session still receives; the one before it does not', async (scene) => {
    const first = await scene.connectBob()
    const second = await scene.install(scene.farEnd(8))
    scene.h.receive(first.seal(fromBob(1)))
    await scene.expectDelivered(fromBob(1))
    scene.h.portPacket(fromAlice(2))
    await scene.expectSealed(second, fromAlice(2))
    await scene.install(scene.farEnd(9))
    scene.h.receive(first.seal(fromBob(3)))
    await scene.expectDrops('unknown-receiver')
    scene.h.receive(second.seal(fromBob(4)))
    await scene.expectDelivered(fromBob(4))
  })

  claimOf(make, 'an expired session neither receives nor sends', async (scene) => {
    await scene.addBob()
    const bob = await scene.install(scene.farEnd(7, { rejectAfter: scene.after(-1) }))
    scene.h.receive(bob.seal(fromBob(1)))
    await scene.expectDrops('session-expired')
    scene.h.portPacket(fromAlice(2))
    await scene.h.takeReport('session-wanted')
    const next = await scene.install(scene.farEnd(8))
    await scene.expectSealed(next, fromAlice(2))
  })

  claimOf(make, 'sending late in a session asks for a rekey, once', async (scene) => {
    await scene.addBob()
    const bob = await scene.install(scene.farEnd(7, { rekeyAfter: scene.after(-1) }))
    for (const tag of [1, 2]) {
      scene.h.portPacket(fromAlice(tag))
      await scene.expectSealed(bob, fromAlice(tag))
    }
    const due = await scene.h.takeReport('rekey-due')
    assert.deepEqual([due.peer, due.localIndex], [BOB, 7])
    await scene.tell()
    assert.equal(scene.h.untaken('rekey-due'), 0)
  })

  claimOf(make, 'receiving very late in a session asks for a rekey, once', async (scene) => {
    await scene.addBob()
    const bob = await scene.install(scene.farEnd(7, { rekeyAfterReceiving: scene.after(-1) }))
    for (const tag of [1, 2]) {
      scene.h.receive(bob.seal(fromBob(tag)))
      await scene.expectDelivered(fromBob(tag))
    }
    assert.equal((await scene.h.takeReport('rekey-due')).localIndex, 7)
    await scene.tell()
    assert.equal(scene.h.untaken('rekey-due'), 0)
  })

  claimOf(make, 'early in a session nothing asks for a rekey', async (scene) => {
    await scene.addBob()
    const options = { rekeyAfter: scene.after(60_000), rekeyAfterReceiving: scene.after(60_000) }
    const bob = await scene.install(scene.farEnd(7, options))
    scene.h.portPacket(fromAlice(1))
    await scene.expectSealed(bob, fromAlice(1))
    scene.h.receive(bob.seal(fromBob(1)))
    await scene.expectDelivered(fromBob(1))
    await scene.tell()
    assert.equal(scene.h.untaken('rekey-due'), 0)
  })

  claimOf(make, 'forgotten sessions open nothing, and the next packet wants a new one', async (scene) => {
    const bob = await scene.connectBob()
    await scene.tell({ kind: 'forget-sessions', peer: BOB })
    scene.h.receive(bob.seal(fromBob(1)))
    await scene.expectDrops('unknown-receiver')
    scene.h.portPacket(fromAlice(2))
    await scene.h.takeReport('session-wanted')
  })

  claimOf(make, 'retired sessions still open what comes, and the next packet wants a new one', async (scene) => {
    const bob = await scene.connectBob()
    await scene.tell({ kind: 'retire-sessions', peer: BOB })
    scene.h.receive(bob.seal(fromBob(1)))
    await scene.expectDelivered(fromBob(1))
    scene.h.portPacket(fromAlice(2))
    await scene.h.takeReport('session-wanted')
    await scene.expectSealed(await scene.install(scene.farEnd(8)), fromAlice(2))
  })
}
