import assert from 'node:assert/strict'
import { BOB, claimOf, fromAlice, fromBob, type MakeHarness, type Scene } from './scene.ts'

/** What holds for peers that are stock WireGuard, and for an interface that is no firewall. */
export function stockPeerClaims(make: MakeHarness): void {
  claimOf(
    make,
    'authentic data from elsewhere moves a peer that roams, and what is sent follows at once',
    async (scene) => {
      const bob = await connectRoamingBob(scene)
      scene.h.receive(bob.seal(fromBob(1)), scene.h.other)
      await scene.expectDelivered(fromBob(1))
      const report = await reportOf(scene, scene.h.other)
      assert.equal(report.peer, BOB)
      scene.h.portPacket(fromAlice(2))
      await scene.expectSealed(bob, fromAlice(2), scene.h.other)
      scene.h.receive(bob.seal(fromBob(3)), scene.h.other)
      await scene.expectDelivered(fromBob(3))
      assert.equal(scene.h.untaken('path-changed'), 0)
    },
  )

  claimOf(make, 'what is replayed or forged from elsewhere moves nobody', async (scene) => {
    const bob = await connectRoamingBob(scene)
    const datagram = bob.seal(fromBob(1))
    scene.h.receive(datagram)
    await scene.expectDelivered(fromBob(1))
    scene.h.receive(datagram, scene.h.other)
    await scene.expectDrops('replayed')
    const forged = bob.seal(fromBob(2))
    forged[20] = (forged[20] ?? 0) ^ 1
    scene.h.receive(forged, scene.h.other)
    await scene.expectDrops('not-authentic')
    scene.h.portPacket(fromAlice(3))
    await scene.expectSealed(bob, fromAlice(3))
  })

  claimOf(make, 'a peer that does not roam stays where it was', async (scene) => {
    const bob = await scene.connectBob()
    scene.h.receive(bob.seal(fromBob(1)), scene.h.other)
    await scene.expectDelivered(fromBob(1))
    scene.h.portPacket(fromAlice(2))
    await scene.expectSealed(bob, fromAlice(2))
    assert.equal(scene.h.untaken('path-changed'), 0)
  })

  claimOf(make, 'with the filter off everything passes and no flow is told', async (scene) => {
    const bob = await scene.connectBob()
    await scene.tell({ kind: 'set-filter', rules: [] })
    scene.h.receive(bob.seal(fromBob(1)))
    await scene.expectDrops('filtered-in')
    await scene.tell({ kind: 'set-filter', rules: 'off' })
    scene.h.receive(bob.seal(fromBob(2)))
    await scene.expectDelivered(fromBob(2))
    scene.h.portPacket(fromAlice(3))
    await scene.expectSealed(bob, fromAlice(3))
    assert.equal(scene.h.untaken('flow'), 0)
  })
}

async function connectRoamingBob(scene: Scene) {
  await scene.addBob({ roams: true })
  return scene.install(scene.farEnd(7))
}

/** The first report of a change may be that the local address is known now. */
async function reportOf(scene: Scene, remote: string) {
  for (;;) {
    const report = await scene.h.takeReport('path-changed')
    if (report.kind === 'path-changed' && report.path.remote === remote) return report
  }
}
