import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { NodeId } from '@weft/keys'
import { Presence } from '../src/presence.ts'

const [alice, bob, carol] = ['alice', 'bob', 'carol'] as NodeId[] as [NodeId, NodeId, NodeId]

describe('presence', () => {
  it('is told together, while the last change is being written', async () => {
    const { presence, written, finish } = slowPresence()
    presence.opened(alice)
    presence.opened(bob)
    presence.opened(carol)
    presence.closed(carol)
    await finish()
    assert.deepEqual(written, ['alice+', 'bob+ carol-'])
  })

  it('lasts as long as any channel of the device', async () => {
    const { presence, written, finish } = slowPresence()
    presence.opened(alice)
    presence.opened(alice)
    presence.closed(alice)
    await finish()
    assert.deepEqual(written, ['alice+'])
    presence.closed(alice)
    await finish()
    assert.deepEqual(written, ['alice+', 'alice-'])
  })

  it('of before a restart lasts for whoever comes back in time, and ends for the others', async () => {
    const { presence, written, finish } = slowPresence()
    presence.expect([alice, bob])
    presence.opened(alice)
    presence.giveUpExpected()
    await finish()
    assert.deepEqual(written, ['alice+', 'bob-'])
  })

  it('is left as it is when the coordinator ends', async () => {
    const { presence, written, finish } = slowPresence()
    presence.opened(alice)
    await finish()
    presence.freeze()
    presence.closed(alice)
    await finish()
    assert.deepEqual(written, ['alice+'])
  })

  it('that could not be written is written with the next change', async () => {
    const { presence, written, finish, fail } = slowPresence()
    fail()
    presence.opened(alice)
    await finish()
    assert.deepEqual(written, [])
    presence.opened(bob)
    await finish()
    assert.deepEqual(written, ['alice+ bob+'])
  })
})

function slowPresence() {
  const written: string[] = []
  let fails = false
  const presence = new Presence(async (online) => {
    await Promise.resolve()
    if (fails) {
      fails = false
      throw new Error('the disk is full')
    }
    written.push([...online].map(([id, isOnline]) => `${id}${isOnline ? '+' : '-'}`).join(' '))
  })
  return {
    presence,
    written,
    finish: () => presence.settled(),
    fail: () => {
      fails = true
    },
  }
}
