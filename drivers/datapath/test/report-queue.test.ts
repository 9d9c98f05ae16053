import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type DatapathReport, RELAYED_SLOTS, RING_SLOTS } from '@weft/datapath'
import { allocateLaneMemory, consumedBy } from '../src/lane-messages.ts'
import { ReportQueue } from '../src/report-queue.ts'

const datagram = new Uint8Array(8)
const relayed = {
  kind: 'relayed',
  relay: 'ab'.repeat(16) as never,
  peer: 1 as never,
  datagram,
} satisfies DatapathReport
const probe: DatapathReport = {
  kind: 'datagram',
  datagram,
  path: { kind: 'direct', socket: 0 as never, remote: '192.0.2.1:1' as never },
}

test('datagrams for relays have room of their own: they keep no probe from the node, nor probes them', () => {
  const control = new Int32Array(allocateLaneMemory().control)
  let posted = 0
  const queue = new ReportQueue(() => posted++, control)
  const taken = (report: DatapathReport, times: number) =>
    Array.from({ length: times }, () => queue.offer(report)).filter(Boolean).length
  assert.equal(taken(relayed, 2 * RELAYED_SLOTS), RELAYED_SLOTS)
  assert.equal(taken(probe, 2 * RING_SLOTS), RING_SLOTS)
  assert.equal(posted, RELAYED_SLOTS + RING_SLOTS)
  Atomics.add(control, consumedBy(relayed), 3)
  assert.equal(taken(probe, 1), 0)
  assert.equal(taken(relayed, 5), 3)
})
