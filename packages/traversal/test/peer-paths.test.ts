import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Endpoint, instant, wallTime } from '@weft/base'
import type { DirectPath, Path, PeerMeter, SocketId } from '@weft/datapath'
import type { NodeId } from '@weft/keys'
import { seededRandom } from '@weft/testing'
import { PeerPaths } from '../src/peer-paths.ts'
import type { ProbeMessage } from '../src/probe-messages.ts'

const PEER = '192.0.2.7:7481' as Endpoint
/** The same peer behind the same router: within the LAN, and as the router bends packets back. */
const ON_LAN = '192.168.1.7:7481' as Endpoint
const BY_ROUTER = '192.0.2.7:7482' as Endpoint
const RELAY = 'aa'.repeat(16) as NodeId
const RTT = 20
const LATE = 150

test('a path that failed is used again within a second and a half of its first answer, whenever it is healed', () => {
  for (let down = 1_000; down < 4_000; down += 50) {
    const peer = new Peer()
    peer.run(1_000)
    assert.equal(peer.path?.kind, 'direct')
    peer.isUp = false
    peer.run(down)
    assert.equal(peer.path?.kind, 'relayed')
    peer.isUp = true
    peer.runUntil(() => peer.isAnswered, 2_000)
    const answered = peer.now
    peer.runUntil(() => peer.path?.kind === 'direct', 10_000)
    assert.ok(peer.now - answered <= 1_500, `down for ${down} ms, back after ${peer.now - answered} ms`)
  }
})

test('a LAN’s own way is taken within a second, though each way’s first answers come late by turns', () => {
  for (let late = 0; late < 16; late++) {
    const isLate = (way: number, answer: number) => answer < 2 && (late & (1 << (2 * way + answer))) !== 0
    const peer = new Peer({
      [BY_ROUTER]: (answer) => 2 + (isLate(0, answer) ? LATE : 0),
      [ON_LAN]: (answer) => 1 + (isLate(1, answer) ? LATE : 0),
    })
    peer.run(1_000)
    assert.equal(remoteOf(peer.path), ON_LAN, `late: ${late.toString(2)}`)
  }
})

test('a LAN’s own way is taken within 15 s when only its first answers came late, however many others there are', () => {
  const others = Object.fromEntries([1, 2, 3].map((i) => [`192.0.2.7:${7482 + i}` as Endpoint, () => 2]))
  const peer = new Peer({ [BY_ROUTER]: () => 2, ...others, [ON_LAN]: (answer) => (answer < 8 ? LATE : 1) })
  peer.run(15_000)
  assert.equal(remoteOf(peer.path), ON_LAN)
})

test('no single late answer moves a path from the LAN', () => {
  const peer = new Peer({
    [BY_ROUTER]: () => 2,
    [ON_LAN]: (answer) => (answer % 3 === 2 ? LATE : 1),
  })
  peer.run(1_000)
  for (let second = 0; second < 120; second++) {
    peer.run(1_000)
    assert.equal(remoteOf(peer.path), ON_LAN, `after ${second} s`)
  }
})

test('a path that a handshake proved is measured before another is taken for shorter', () => {
  const peer = new Peer({ [BY_ROUTER]: () => 5, [ON_LAN]: () => 1 }, { proven: ON_LAN })
  peer.run(1_000)
  assert.equal(remoteOf(peer.path), ON_LAN)
})

test('a path that has become longer for good makes way within 25 s', () => {
  let isLong = false
  const peer = new Peer({ [BY_ROUTER]: () => 20, [ON_LAN]: () => (isLong ? 200 : 10) })
  peer.run(1_000)
  assert.equal(remoteOf(peer.path), ON_LAN)
  isLong = true
  peer.run(25_000)
  assert.equal(remoteOf(peer.path), BY_ROUTER)
})

const remoteOf = (path: Path | undefined): Endpoint | undefined => (path?.kind === 'direct' ? path.remote : undefined)

/** For each endpoint, after how many ms its first answer comes, its second, … */
type Answers = Readonly<Record<Endpoint, (answer: number) => number>>

/** A peer at some places, which answers probes while it is up; there is always traffic to it. */
class Peer {
  isUp = true
  /** Since it is up again. */
  isAnswered = false
  path: Path | undefined
  now = 1_000
  readonly #paths: PeerPaths
  readonly #underWay: { readonly at: number; readonly transaction: string; readonly path: DirectPath }[] = []
  #sequence = 0
  readonly #answers: Answers
  readonly #asked = new Map<Endpoint, number>()
  #downSince: number | undefined

  /** @param options.proven by a handshake, before anything else. */
  constructor(answers: Answers = { [PEER]: () => RTT }, options: { readonly proven?: Endpoint } = {}) {
    this.#answers = answers
    this.#paths = new PeerPaths({
      random: seededRandom(1),
      wall: () => wallTime(this.now),
      meter: () => this.#meter(),
      ownEndpoints: () => [],
      refreshEndpoints: () => {},
      sendAround: () => {},
      seenAs: () => {},
      wantRelays: () => undefined,
      searchRelays: () => undefined,
      relays: () => [RELAY],
      pathTo: (remote) => ({ kind: 'direct', socket: 0 as SocketId, remote }),
      send: (path, message) => this.#onSent(path, message),
      nextSequence: () => ++this.#sequence,
      use: (path) => {
        this.path = path
      },
      doubt: () => {},
      active: () => {},
      changed: () => {},
    })
    this.#paths.onTold(Object.keys(answers) as Endpoint[], instant(this.now))
    if (options.proven === undefined) this.#paths.onWanted(instant(this.now))
    else this.#paths.onProven({ kind: 'direct', socket: 0 as SocketId, remote: options.proven }, instant(this.now))
  }

  run(duration: number): void {
    const end = this.now + duration
    this.runUntil(() => this.now >= end, duration)
  }

  runUntil(isOver: () => boolean, limit: number): void {
    for (const end = this.now + limit; this.now < end && !isOver(); ) {
      this.now += 1
      this.#downSince = this.isUp ? undefined : (this.#downSince ?? this.now)
      for (const { at, transaction, path } of this.#underWay.splice(0)) {
        if (at > this.now) this.#underWay.push({ at, transaction, path })
        else this.#answer(transaction, path)
      }
      this.#paths.wake(instant(this.now))
    }
  }

  #answer(transaction: string, path: DirectPath): void {
    this.isAnswered = true
    this.#paths.onReply({ kind: 'reply', sequence: 0, transaction, observed: PEER }, path, instant(this.now))
  }

  #onSent(path: Path, message: ProbeMessage): void {
    if (!this.isUp) this.isAnswered = false
    if (path.kind !== 'direct' || message.kind !== 'probe' || !this.isUp) return
    const asked = this.#asked.get(path.remote) ?? 0
    this.#asked.set(path.remote, asked + 1)
    const takes = this.#answers[path.remote]?.(asked) ?? RTT
    this.#underWay.push({ at: this.now + takes, transaction: message.transaction, path })
  }

  #meter(): PeerMeter {
    const unansweredSince = this.path?.kind === 'direct' ? this.#downSince : undefined
    return {
      sentBytes: 0,
      receivedBytes: 0,
      lastSent: instant(this.now),
      lastReceived: undefined,
      unansweredSince: unansweredSince === undefined ? undefined : instant(unansweredSince),
      owedSince: undefined,
    }
  }
}
