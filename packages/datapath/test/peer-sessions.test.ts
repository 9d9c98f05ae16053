import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '@weft/base'
import type { PeerIndex, TransportSession } from '@weft/wireguard'
import { isCounterExhausted, PeerSessions, Session, SessionIndex } from '../src/peer-sessions.ts'

const PEER = 3 as PeerIndex

function newScene() {
  const index = new SessionIndex()
  const freed: number[] = []
  const make = (localIndex: number, parts: Partial<TransportSession> = {}): Session => {
    const keys: TransportSession = {
      role: 'initiator',
      localIndex,
      remoteIndex: 1,
      sendKey: new Uint8Array(32),
      receiveKey: new Uint8Array(32),
      rekeyAfter: undefined,
      rekeyAfterReceiving: undefined,
      rejectAfter: instant(180_000),
      ...parts,
    }
    const free = (direction: string) => {
      if (direction === 'seal') freed.push(localIndex)
    }
    return new Session(PEER, keys, (_key, direction) => ({
      seal: () => undefined,
      open: () => true,
      free: () => free(direction),
    }))
  }
  return { index, freed, make, sessions: new PeerSessions(index) }
}

test('three initiated sessions leave the last as current, the one before for receiving, and free the first', () => {
  const { index, freed, make, sessions } = newScene()
  for (const localIndex of [1, 2, 3]) sessions.installInitiator(make(localIndex))
  assert.equal(sessions.current?.localIndex, 3)
  assert.deepEqual(
    [1, 2, 3].map((i) => index.find(i)?.localIndex),
    [undefined, 2, 3],
  )
  assert.deepEqual(freed, [1])
})

test('a responder sends with a session only when the initiator has used it', () => {
  const { index, make, sessions } = newScene()
  const [old, fresh] = [make(1), make(2)]
  sessions.installInitiator(old)
  sessions.installResponder(fresh)
  assert.equal(sessions.current, old)
  assert.equal(index.find(2), fresh)
  assert.equal(sessions.confirm(old), false)
  assert.equal(sessions.confirm(fresh), true)
  assert.equal(sessions.confirm(fresh), false)
  assert.equal(sessions.current, fresh)
  assert.equal(index.find(1), old)
})

test('a second unused responder session replaces the first', () => {
  const { index, freed, make, sessions } = newScene()
  sessions.installResponder(make(1))
  sessions.installResponder(make(2))
  assert.equal(index.find(1), undefined)
  assert.deepEqual(freed, [1])
})

test('an initiated session beside an unused one keeps that for receiving, and what was current, until the next', () => {
  const { index, freed, make, sessions } = newScene()
  sessions.installInitiator(make(1))
  sessions.installResponder(make(2))
  sessions.installInitiator(make(3))
  assert.equal(sessions.current?.localIndex, 3)
  assert.deepEqual(
    [1, 2, 3].map((i) => index.find(i) !== undefined),
    [true, true, true],
  )
  assert.deepEqual(freed, [])
  sessions.installInitiator(make(4))
  assert.deepEqual(freed, [2, 1])
})

test('forgetting frees every session once', () => {
  const { index, freed, make, sessions } = newScene()
  sessions.installInitiator(make(1))
  sessions.installInitiator(make(2))
  sessions.installResponder(make(3))
  sessions.forget()
  sessions.forget()
  assert.deepEqual(freed.toSorted(), [1, 2, 3])
  assert.deepEqual(
    [1, 2, 3].map((i) => index.find(i)),
    [undefined, undefined, undefined],
  )
})

test('an index of 32 bits finds its session', () => {
  const { index, make, sessions } = newScene()
  const session = make(0xfffffffe)
  sessions.installInitiator(session)
  assert.equal(index.find(0xfffffffe), session)
  assert.equal(index.find(-2), session)
})

test('a rekey is due once, from its time on', () => {
  const { make } = newScene()
  const session = make(1, { rekeyAfter: instant(100) })
  const due = [99, 100, 101].map((at) => session.becameDueBySending(instant(at)))
  assert.deepEqual(due, [false, true, false])
  const receiving = make(2, { rekeyAfterReceiving: instant(100) })
  assert.equal(receiving.becameDueBySending(instant(500)), false)
  assert.deepEqual(
    [99, 100, 101].map((at) => receiving.becameDueByReceiving(instant(at))),
    [false, true, false],
  )
})

test('a rekey is due after 2^60 messages', () => {
  const { make } = newScene()
  const session = make(1)
  session.counterHigh = 2 ** 28 - 1
  session.counterLow = 2 ** 32 - 1
  assert.equal(session.becameDueBySending(instant(0)), false)
  session.advanceCounter()
  assert.deepEqual([session.counterHigh, session.counterLow], [2 ** 28, 0])
  assert.equal(session.becameDueBySending(instant(0)), true)
})

test('counters end at 2^64 - 2^13 - 1', () => {
  assert.equal(isCounterExhausted(0xffffdffe, 0xffffffff), false)
  assert.equal(isCounterExhausted(0xffffdfff, 0xffffffff), true)
  assert.equal(isCounterExhausted(0xffffffff, 0xfffffffe), false)
})

test('an expired or exhausted session does not send', () => {
  const { make } = newScene()
  const session = make(1)
  assert.equal(session.canSend(instant(179_999)), true)
  assert.equal(session.canSend(instant(180_000)), false)
  session.counterHigh = 0xffffffff
  session.counterLow = 0xffffdfff
  assert.equal(session.canSend(instant(0)), false)
})
