import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Instant, instant, milliseconds } from '@weft/base'
import { seededRandom } from '@weft/testing'
import fc from 'fast-check'
import { MOST_PATH_MTU, PathMtu, UNPROVEN_PATH_MTU } from '../src/path-mtu.ts'

const PATIENCE = milliseconds(400)
const TICK = 100
const RTT = 50

test('a path that carries the most is asked once', () => {
  const path = new Path(1500)
  path.run(1_000)
  assert.equal(path.mtu.bytes, MOST_PATH_MTU)
  assert.deepEqual(path.asked, [MOST_PATH_MTU])
})

test('before anything is proven a path is taken to carry 1280, and so where nothing is answered, asked a bounded number of times', () => {
  const path = new Path(100)
  assert.equal(path.mtu.bytes, UNPROVEN_PATH_MTU)
  path.run(60_000)
  assert.equal(path.mtu.bytes, UNPROVEN_PATH_MTU)
  assert.ok(path.asked.length <= 25, `${path.asked.length} probes`)
})

test('whatever the path carries, the largest usual size within it is found within two seconds', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1000, max: 1500 }), (limit) => {
      const path = new Path(limit)
      path.run(2_000)
      assert.ok(path.mtu.bytes <= limit)
      const most = Math.min(limit, MOST_PATH_MTU)
      assert.ok(path.mtu.bytes > most - (limit < 1200 ? 200 : limit < 1300 ? 40 : 20), `${path.mtu.bytes} of ${limit}`)
    }),
  )
})

test('with every fifth probe lost, hardly any path ends below what it carries', () => {
  let short = 0
  for (let seed = 0; seed < 200; seed++) {
    const path = new Path(1400, { loss: 0.2, seed })
    path.run(3_000)
    if (path.mtu.bytes < 1400) short++
  }
  assert.ok(short < 12, `${short} of 200`)
})

test('a hole is noticed within a second of the first long probe that vanished, and the next best size found', () => {
  const path = new Path(1500)
  path.run(1_000)
  path.limit = 1310
  path.confirm()
  path.run(900)
  assert.ok(path.mtu.bytes < 1400)
  path.run(1_000)
  assert.equal(path.mtu.bytes, 1300)
})

test('also a hole below what every path should carry', () => {
  const path = new Path(1500)
  path.run(1_000)
  path.limit = 1240
  path.confirm()
  path.run(1_500)
  assert.equal(path.mtu.bytes, 1240)
})

test('a path that answers nothing at all has no hole: it is gone', () => {
  const path = new Path(1500)
  path.run(1_000)
  path.limit = 0
  path.confirm()
  path.run(5_000)
  assert.equal(path.mtu.bytes, MOST_PATH_MTU)
})

test('one lost confirmation is asked for again, and changes nothing', () => {
  const path = new Path(1500)
  path.run(1_000)
  path.limit = 1310
  path.confirm()
  path.run(200)
  path.limit = 1500
  path.run(5_000)
  assert.equal(path.mtu.bytes, MOST_PATH_MTU)
  assert.deepEqual(path.asked, [MOST_PATH_MTU, MOST_PATH_MTU, MOST_PATH_MTU])
})

test('what a path did not carry is tried again minutes later', () => {
  const path = new Path(1340)
  path.run(10_000)
  assert.equal(path.mtu.bytes, 1340)
  path.limit = 1500
  path.run(280_000)
  assert.equal(path.mtu.bytes, 1340)
  path.run(20_000)
  assert.equal(path.mtu.bytes, MOST_PATH_MTU)
})

test('what is forgotten is proven anew', () => {
  const path = new Path(1500)
  path.run(1_000)
  path.mtu.forget()
  assert.equal(path.mtu.bytes, UNPROVEN_PATH_MTU)
  path.run(1_000)
  assert.equal(path.mtu.bytes, MOST_PATH_MTU)
})

/** A path that answers what is no longer than its limit after a round trip; small probes are asked with every confirmation. */
class Path {
  readonly mtu = new PathMtu()
  readonly asked: number[] = []
  limit: number
  readonly #loss: number
  readonly #random: ReturnType<typeof seededRandom>
  readonly #underWay: { readonly at: number; readonly size: number }[] = []
  #smallAnswered: Instant | undefined
  #now = 0

  constructor(limit: number, { loss = 0, seed = 1 } = {}) {
    this.limit = limit
    this.#loss = loss
    this.#random = seededRandom(seed)
  }

  /** As with a heartbeat: a small probe goes along. */
  confirm(): void {
    const size = this.mtu.confirm(instant(this.#now))
    if (size !== undefined) this.#ask(size)
    this.#ask(0)
  }

  run(duration: number): void {
    for (const end = this.#now + duration; this.#now < end; this.#now += RTT) {
      const now = instant(this.#now)
      for (const { at, size } of this.#underWay.splice(0)) {
        if (at > this.#now) this.#underWay.push({ at, size })
        else if (size === 0) this.#smallAnswered = now
        else this.mtu.onAnswered(size, now)
      }
      if (this.#now % TICK !== 0) continue
      for (const size of this.mtu.due({ patience: PATIENCE, smallAnswered: this.#smallAnswered }, now)) this.#ask(size)
    }
  }

  #ask(size: number): void {
    if (size > 0) this.asked.push(size)
    if (this.limit === 0 || size > this.limit || this.#random.chance(this.#loss)) return
    this.#underWay.push({ at: this.#now + RTT, size })
  }
}
