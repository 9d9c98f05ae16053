import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Instant, instant, milliseconds, later as plus } from '@weft/base'
import type { PeerIndex } from '../src/index.ts'
import { Liveness } from '../src/liveness.ts'
import { Timers } from '../src/timers.ts'

test('a keepalive that could not be sent is tried again 10 s later, not at once', () => {
  const { meter, liveness, deadline } = setUp()
  meter.owedSince = instant(0)
  liveness.onActivity('received', instant(0), instant(1))
  assert.equal(deadline('keepalive'), 10_000)
  assert.ok(liveness.isKeepaliveOverdue(instant(10_000), true))
  liveness.onKeepaliveSent(instant(10_000))
  // The meter still has it, so that the fast path reports it at once.
  liveness.onActivity('received', instant(0), instant(10_000))
  assert.equal(deadline('keepalive'), 20_000)
  assert.ok(liveness.isKeepaliveOverdue(instant(20_000), true))
})

test('a completed handshake is an answer to what was sent before it', () => {
  const { meter, liveness, deadline } = setUp()
  meter.unansweredSince = instant(0)
  liveness.onHandshakeComplete(instant(14_000))
  liveness.onActivity('sent', instant(0), instant(14_000))
  assert.equal(deadline('new-handshake'), 29_300)
  assert.ok(!liveness.isAnswerOverdue(instant(28_999), true))
  assert.ok(liveness.isAnswerOverdue(instant(29_300), true))
})

test('a deadline whose meter has moved is set anew, and one whose meter is clear is watched again', () => {
  const { meter, liveness, deadline, watched } = setUp()
  meter.unansweredSince = meter.owedSince = instant(0)
  liveness.onActivity('sent', instant(0), instant(0))
  liveness.onActivity('received', instant(0), instant(0))
  meter.unansweredSince = meter.owedSince = instant(9000)
  assert.ok(!liveness.isAnswerOverdue(instant(15_300), true))
  assert.ok(!liveness.isKeepaliveOverdue(instant(10_000), true))
  assert.equal(deadline('keepalive'), 19_000)
  assert.equal(deadline('new-handshake'), 24_300)
  meter.unansweredSince = meter.owedSince = undefined
  assert.ok(!liveness.isAnswerOverdue(instant(24_300), true))
  assert.ok(!liveness.isKeepaliveOverdue(instant(19_000), true))
  assert.deepEqual(watched, ['sent', 'received'])
})

test('what is watched is not watched twice', () => {
  const { liveness, watched } = setUp()
  liveness.onHandshakeComplete(instant(0))
  liveness.onHandshakeComplete(instant(1000))
  assert.deepEqual(watched, ['sent', 'received'])
})

test('without a session no keepalive is owed', () => {
  const { meter, liveness, watched } = setUp()
  meter.owedSince = instant(0)
  assert.ok(!liveness.isKeepaliveOverdue(instant(50_000), false))
  assert.deepEqual(watched, [])
})

function setUp() {
  const meter: {
    lastSent: Instant | undefined
    lastReceived: Instant | undefined
    unansweredSince: Instant | undefined
    owedSince: Instant | undefined
  } = { lastSent: undefined, lastReceived: undefined, unansweredSince: undefined, owedSince: undefined }
  const watched: string[] = []
  const timers = new Timers()
  const liveness = new Liveness({
    peer: 0 as PeerIndex,
    timers,
    meters: { meter: () => meter },
    watch: (activity) => watched.push(activity),
    jittered: (at) => plus(at, milliseconds(300)),
  })
  /** When that deadline comes; it is taken, and all before it. */
  const deadline = (name: string): number | undefined => {
    let at: Instant | undefined
    for (at = timers.next(); at !== undefined; at = timers.next()) if (timers.takeDue(at) === name) return at
    return at
  }
  return { meter, watched, liveness, deadline }
}
