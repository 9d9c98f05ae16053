import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closeDescriptor } from '@weft/native'
import { PollSet } from '../src/poll-set.ts'
import { PacketPair } from './packet-pair.ts'

test('only what has something to read is readable', () => {
  const first = new PacketPair()
  const second = new PacketPair()
  const set = new PollSet(2)
  set.set([first.laneFd, second.laneFd])
  second.give(new Uint8Array([1]))
  set.wait(0)
  assert.deepEqual([set.isReadable(0), set.isReadable(1)], [false, true])
  for (const pair of [first, second]) {
    pair.close()
    closeDescriptor(pair.laneFd)
  }
})

test('a port whose other end is gone is broken', () => {
  const pair = new PacketPair()
  const set = new PollSet(1)
  set.set([pair.laneFd])
  set.wait(0)
  assert.equal(set.isBroken(0), false)
  pair.close()
  set.wait(0)
  assert.equal(set.isBroken(0), true)
  closeDescriptor(pair.laneFd)
})

test('a wait in which nothing comes forgets what was seen before', () => {
  const pair = new PacketPair()
  const set = new PollSet(1)
  set.set([pair.laneFd])
  pair.give(new Uint8Array([1]))
  set.wait(0)
  assert.equal(set.isReadable(0), true)
  set.set([pair.laneFd])
  const other = new PacketPair()
  set.set([other.laneFd])
  set.wait(0)
  assert.equal(set.isReadable(0), false)
  for (const each of [pair, other]) {
    each.close()
    closeDescriptor(each.laneFd)
  }
})
