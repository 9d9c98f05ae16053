import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant, milliseconds } from '@weft/base'
import { MOST_QUEUED, seededRandom, Way, type Weather } from '@weft/testing'

const calm: Weather = { loss: 0, duplication: 0, leastDelay: milliseconds(10), mostDelay: milliseconds(10) }

test('in calm weather all arrives in its order and in time', () => {
  assert.deepEqual(
    arrivals(1, calm),
    Array.from({ length: 1000 }, (_, i) => ({ at: i + 10, number: i })),
  )
})

test('items are lost and doubled about as often as the weather says', () => {
  const lost = 1000 - arrivals(1, { ...calm, loss: 0.3 }).length
  assert.ok(lost > 250 && lost < 350, `${lost} of 1000 lost`)
  const doubled = arrivals(1, { ...calm, duplication: 0.2 }).length - 1000
  assert.ok(doubled > 150 && doubled < 250, `${doubled} of 1000 doubled`)
})

test('items overtake each other when delays differ', () => {
  const seen = arrivals(1, { ...calm, mostDelay: milliseconds(50) })
  assert.equal(seen.length, 1000)
  assert.ok(seen.some(({ number }, i) => number < (seen[i - 1]?.number ?? -1)))
  assert.ok(seen.every(({ at, number }) => at >= number + 10 && at <= number + 50))
})

test('the same seed makes the same weather, another seed another', () => {
  const rough: Weather = { loss: 0.2, duplication: 0.2, leastDelay: milliseconds(1), mostDelay: milliseconds(99) }
  assert.deepEqual(arrivals(7, rough), arrivals(7, rough))
  assert.notDeepEqual(arrivals(7, rough), arrivals(8, rough))
})

test('where hardly anything may overtake, delays differ and all else stays in order', () => {
  const seen = arrivals(1, { ...calm, mostDelay: milliseconds(50), overtaking: 0 })
  assert.deepEqual(
    seen.map(({ number }) => number),
    Array.from({ length: 1000 }, (_, i) => i),
  )
  assert.ok(new Set(seen.map(({ at, number }) => Math.round(at - number))).size > 10)
  const some = arrivals(1, { ...calm, mostDelay: milliseconds(50), overtaking: 0.1 })
  const overtook = some.filter(({ at, number }) => at === number + 10).length
  assert.ok(overtook > 60 && overtook < 140, `${overtook} of 1000 overtook`)
})

test('what is longer than the MTU is lost, and nothing else', () => {
  const way = new Way<number>({ random: seededRandom(1), weather: { ...calm, mtu: 1300 } })
  for (const bytes of [1299, 1300, 1301]) way.send(bytes, bytes, instant(0))
  assert.deepEqual([way.take(instant(10)), way.take(instant(10)), way.take(instant(10))], [1299, 1300, undefined])
})

test('the rate holds up what comes too fast, and drops what would wait too long', () => {
  const way = new Way<number>({ random: seededRandom(1), weather: { ...calm, rate: 1_000_000 } })
  // 125 bytes take a millisecond.
  for (let i = 0; i < 200; i++) way.send(i, 125, instant(0))
  const seen: number[] = []
  for (let at = way.nextTimeout(); at !== undefined; at = way.nextTimeout()) {
    assert.equal(at, (way.take(at) ?? assert.fail()) + 11)
    seen.push(at)
  }
  assert.equal(seen.length, MOST_QUEUED + 1)
})

/** Sends a thousand items, one each millisecond; when which of them arrived. */
function arrivals(seed: number, weather: Weather): { readonly at: number; readonly number: number }[] {
  const way = new Way<number>({ random: seededRandom(seed), weather })
  for (let i = 0; i < 1000; i++) way.send(i, 100, instant(i))
  const seen: { at: number; number: number }[] = []
  for (let at = way.nextTimeout(); at !== undefined; at = way.nextTimeout())
    seen.push({ at, number: way.take(at) ?? assert.fail() })
  return seen
}
