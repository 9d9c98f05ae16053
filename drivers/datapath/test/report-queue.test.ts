import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type DatapathReport, RELAYED_SLOTS, RING_SLOTS } from '@weft/datapath'
import { allocateLaneMemory, CONSUMED_RELAYED } from '../src/lane-messages.ts'
import { ReportQueue } from '../src/report-queue.ts'

const datagram = new Uint8Array(8)
const relayed = {
  kind: 'relayed',
  relay: 'ab'.repeat(16) as never,
  peer: 1 as never,
  run: { bytes: new Uint8Array(4 * 1024), stride: 1024 },
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
  assert.equal(taken(relayed, RELAYED_SLOTS), RELAYED_SLOTS / 4)
  assert.equal(taken(probe, 2 * RING_SLOTS), RING_SLOTS)
  assert.equal(posted, RELAYED_SLOTS / 4 + RING_SLOTS)
  Atomics.add(control, CONSUMED_RELAYED, 12)
  assert.equal(taken(probe, 1), 0)
  assert.equal(taken(relayed, 5), 3)
})
