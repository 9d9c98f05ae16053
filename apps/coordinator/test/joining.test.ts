import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Prefix } from '@weft/base'
import { TestCoordinator } from './test-coordinator.ts'
import { TestNode } from './test-node.ts'

describe('a device', () => {
  it('joins with a link, and sees those who came before', async () => {
    await using coordinator = await TestCoordinator.start()
    const alice = new TestNode(await coordinator.link(), 'Alice.local')
    const bob = new TestNode(await coordinator.link(), 'Alice')
    const toAlice = await alice.enter(coordinator.port)
    assert.equal(alice.name, 'alice')
    assert.equal(toAlice.netmap?.peers.length, 0)
    assert.equal(toAlice.netmap?.self.address4, alice.address4)
    const toBob = await bob.enter(coordinator.port)
    assert.equal(bob.name, 'alice-2')
    await toAlice.until(() => toAlice.netmap?.peers[0]?.online === true)
    await toBob.until(() => toBob.netmap?.peers[0]?.online === true)
    assert.equal(toAlice.netmap?.peers[0]?.id, bob.id)
    assert.equal(toBob.netmap?.peers[0]?.id, alice.id)
    await toBob.close()
    await toAlice.until(() => toAlice.netmap?.peers[0]?.online === false)
  })
})
