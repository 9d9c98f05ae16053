import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '@weft/base'
import type { NetmapChange, NetmapPeer } from '@weft/coordinator-protocol'
import type { NodeId } from '@weft/keys'
import { isLasting, NetmapSaving } from '../src/netmap-saving.ts'

const change = (more: Partial<NetmapChange> = {}): NetmapChange => ({
  type: 'change',
  epoch: 'e',
  from: 1,
  number: 2,
  upsert: [],
  remove: [],
  ...more,
})
const idOf = (number: number) => String(number).padStart(32, '0') as NodeId
const peer = (more: Partial<NetmapPeer> = {}) =>
  ({
    id: idOf(1),
    name: 'bob',
    address4: '100.64.0.2',
    record: 'r',
    endpoints: [],
    online: true,
    ...more,
  }) as NetmapPeer

test('the first is written whole at once, and changes after it are added', () => {
  const saving = new NetmapSaving()
  assert.equal(saving.onChange(change(), 10, instant(0)), false)
  assert.deepEqual([saving.isOld, saving.dueAt], [true, instant(0)])
  saving.saved(instant(0))
  assert.equal(saving.isOld, false)
  for (let at = 1; at < 60; at++) assert.equal(saving.onChange(change(), 10, instant(at)), true)
  assert.deepEqual([saving.isOld, saving.dueAt], [true, undefined])
})

test('a whole waits until 5 s after the last, and nothing is added meanwhile', () => {
  const saving = new NetmapSaving()
  saving.saved(instant(1_000))
  saving.onWhole(instant(2_000))
  assert.equal(saving.dueAt, instant(6_000))
  assert.equal(saving.onChange(change(), 10, instant(3_000)), false)
  saving.saved(instant(6_000))
  assert.equal(saving.onChange(change(), 10, instant(6_001)), true)
})

test('changes are added until they are a quarter of the whole, and also until that is written', () => {
  const saving = new NetmapSaving()
  saving.saved(instant(0))
  let count = 0
  for (; saving.dueAt === undefined; count++)
    assert.equal(saving.onChange(change({ upsert: [peer()] }), 10_000, instant(10_000)), true)
  assert.equal(count, 1_250)
  assert.equal(saving.onChange(change(), 10_000, instant(10_001)), true)
})

test('names, members and permissions last, and where a peer is heard does not', () => {
  const claims = new Map([[idOf(1), peer()]])
  const lasts = (more: Partial<NetmapChange>) => isLasting(change(more), (id) => claims.get(id))
  for (const more of [
    { upsert: [peer({ name: 'robert' })] },
    { upsert: [peer({ record: 's' })] },
    { upsert: [peer({ id: idOf(2) })] },
    { remove: [idOf(1)] },
    { grants: [] },
    { records: [] },
  ])
    assert.equal(lasts(more), true, JSON.stringify(more))
  assert.equal(lasts({ upsert: [peer({ online: false, endpoints: ['192.0.2.1:1' as never] })] }), false)
})
