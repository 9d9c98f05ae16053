import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { segmentLimitBelow } from '../src/segment-limit.ts'
import { SEND_QUEUE_BYTES, SendQueue } from '../src/send-queue.ts'

interface Datagram {
  readonly peer: number
  readonly bytes: number
}

function runsOf(queue: SendQueue): Datagram[][] {
  return Array.from({ length: queue.count }, (_, run) => {
    const stride = queue.stride(run)
    const datagrams: Datagram[] = []
    for (let at = 0; at < queue.bytes(run); at += stride)
      datagrams.push({ peer: queue.peer(run), bytes: Math.min(stride, queue.bytes(run) - at) })
    return datagrams
  })
}

test('what is pushed lies in runs, in order, back to back, and never over another', () => {
  const anyDatagram = fc.record({ peer: fc.nat(2), bytes: fc.constantFrom(32, 96, 1000, 1452, 9000, 65_507) })
  fc.assert(
    fc.property(fc.array(anyDatagram, { maxLength: 200 }), (datagrams) => {
      const queue = new SendQueue(64)
      const places: { readonly from: number; readonly to: number }[] = []
      const pushed: Datagram[] = []
      for (const datagram of datagrams) {
        const at = queue.reserve(datagram.peer, datagram.bytes)
        if (at < 0) break
        queue.push(datagram.peer, datagram.bytes)
        places.push({ from: at, to: at + datagram.bytes })
        pushed.push({ ...datagram })
      }
      const runs = runsOf(queue)
      assert.deepEqual(runs.flat(), pushed)
      assert.deepEqual(
        runs.flatMap((run, number) => run.map((_, i) => queue.offset(number) + i * queue.stride(number))),
        places.map(({ from }) => from),
      )
      for (const [i, { from, to }] of places.entries()) {
        assert.ok(from >= (places[i - 1]?.to ?? 64) && to <= 64 + SEND_QUEUE_BYTES)
      }
      for (const run of runs) assert.ok(run.length <= 64 && run.reduce((sum, { bytes }) => sum + bytes, 0) <= 65_507)
    }),
  )
})

test('a full read of segments is one run, as far as one send carries them', () => {
  const queue = new SendQueue(0)
  for (let i = 0; i < 46; i++) queue.push(7, 1452)
  assert.deepEqual(
    runsOf(queue).map((run) => run.length),
    [45, 1],
  )
})

test('a queue that was emptied begins anew', () => {
  const queue = new SendQueue(8)
  queue.push(1, 100)
  queue.clear()
  assert.equal(queue.count, 0)
  assert.equal(queue.reserve(1, 100), 8)
})

test('a shorter limit is always found, down to packets of a few hundred bytes', () => {
  assert.equal(segmentLimitBelow(1452), 1412)
  assert.equal(segmentLimitBelow(1312), 1200)
  let packet = 65_000
  for (let steps = 0; packet > 256; steps++) {
    const limit = segmentLimitBelow(packet + 32)
    assert.ok(limit < packet && steps < 30)
    packet = limit
  }
})
