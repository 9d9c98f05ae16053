import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReplayWindow } from '../src/index.ts'
import { SeededRandom } from './support/seeded-random.ts'

const WIDTH = 16_352n
const HALF = 2n ** 32n

const table: readonly (readonly [claim: string, ...steps: readonly (readonly [counter: bigint, isNew: boolean])[]])[] =
  [
    ['each counter passes once', [0n, true], [0n, false], [1n, true], [1n, false], [0n, false]],
    ['the first counter may be any', [7n, true], [0n, true], [6n, true], [7n, false]],
    ['counters pass out of order', [9n, true], [3n, true], [8n, true], [4n, true], [3n, false], [8n, false]],
    ['the last counter in the window passes', [WIDTH, true], [1n, true], [1n, false], [0n, false]],
    ['what fell out of the window is refused', [WIDTH + 1n, true], [1n, false], [2n, true]],
    ['at least 8,192 behind the highest pass', [100_000n, true], [100_000n - 8_191n, true], [100_000n - 8_192n, true]],
    [
      'a step by a whole ring forgets what was seen',
      [5n, true],
      [5n + 16_384n, true],
      [5n + 16_383n, true],
      [6n, false],
    ],
    ['a huge step forgets everything', [5n, true], [2n ** 60n, true], [2n ** 60n - 3n, true], [5n, false], [6n, false]],
    ['neighbours in one word are kept apart', [64n, true], [95n, true], [64n, false], [95n, false], [65n, true]],
    [
      'the window crosses from the low half into the high',
      [HALF - 1n, true],
      [HALF, true],
      [HALF + 5n, true],
      [HALF - 2n, true],
      [HALF - 1n, false],
      [HALF, false],
      [HALF - 20_000n, false],
    ],
    [
      'the window works at the end of 64 bits',
      [2n ** 64n - 2n, true],
      [2n ** 64n - 1n, true],
      [2n ** 64n - 1n, false],
      [2n ** 64n - 2n, false],
      [2n ** 64n - WIDTH, true],
      [2n ** 64n - 1n - WIDTH, false],
    ],
  ]

for (const [claim, ...steps] of table) {
  test(claim, () => {
    const window = new ReplayWindow()
    for (const [counter, isNew] of steps) assert.equal(accept(window, counter), isNew, `counter ${counter}`)
  })
}

test('the window agrees with a set of all counters ever seen', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new SeededRandom(seed)
    const window = new ReplayWindow()
    const oracle = new SlowWindow()
    let middle = seed % 2 === 0 ? HALF - 30_000n : 0n
    for (let i = 0; i < 3_000; i++) {
      middle += BigInt(random.below(random.chance(0.02) ? 40_000 : 20))
      const counter = middle + BigInt(random.below(2_000)) - BigInt(random.below(random.chance(0.2) ? 20_000 : 500))
      if (counter < 0n) continue
      assert.equal(accept(window, counter), oracle.accept(counter), `seed ${seed}, counter ${counter}`)
    }
  }
})

function accept(window: ReplayWindow, counter: bigint): boolean {
  return window.accept(Number(counter % HALF), Number(counter / HALF))
}

class SlowWindow {
  readonly #seen = new Set<bigint>()
  #highest = 0n

  accept(counter: bigint): boolean {
    if (counter + WIDTH <= this.#highest || this.#seen.has(counter)) return false
    this.#seen.add(counter)
    if (counter > this.#highest) this.#highest = counter
    return true
  }
}
