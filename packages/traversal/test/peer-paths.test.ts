import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Endpoint, instant, wallTime } from '@weft/base'
import type { DirectPath, Path, PeerMeter, SocketId } from '@weft/datapath'
import type { NodeId } from '@weft/keys'
import { seededRandom } from '@weft/testing'
import { PeerPaths } from '../src/peer-paths.ts'
import type { ProbeMessage } from '../src/probe-messages.ts'

const PEER = '192.0.2.7:7481' as Endpoint
const RELAY = 'aa'.repeat(16) as NodeId
const RTT = 20

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

/** A peer at one place, which answers probes while it is up; there is always traffic to it. */
class Peer {
  isUp = true
  /** Since it is up again. */
  isAnswered = false
  path: Path | undefined
  now = 1_000
  readonly #paths: PeerPaths
  readonly #underWay: { readonly at: number; readonly transaction: string; readonly path: DirectPath }[] = []
  #sequence = 0
  #downSince: number | undefined

  constructor() {
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
    this.#paths.onTold([PEER], instant(this.now))
    this.#paths.onWanted(instant(this.now))
  }

  run(duration: number): void {
    const end = this.now + duration
    this.runUntil(() => this.now >= end, duration)
  }

  runUntil(isOver: () => boolean, limit: number): void {
    for (const end = this.now + limit; this.now < end && !isOver(); ) {
      this.now += 10
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
    if (path.kind === 'direct' && message.kind === 'probe' && this.isUp)
      this.#underWay.push({ at: this.now + RTT, transaction: message.transaction, path })
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
