import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Endpoint, instant, milliseconds, parseEndpoint } from '@weft/base'
import { SimulatedNetwork, seededRandom, type Weather } from '@weft/testing'

const calm: Weather = { loss: 0, duplication: 0, leastDelay: milliseconds(10), mostDelay: milliseconds(10) }

test('in calm weather all arrives in its order and in time', () => {
  assert.deepEqual(
    arrivals(1, calm),
    Array.from({ length: 1000 }, (_, i) => ({ at: i + 10, number: i })),
  )
})

test('datagrams are lost and doubled about as often as the weather says', () => {
  const lost = 1000 - arrivals(1, { ...calm, loss: 0.3 }).length
  assert.ok(lost > 250 && lost < 350, `${lost} of 1000 lost`)
  const doubled = arrivals(1, { ...calm, duplication: 0.2 }).length - 1000
  assert.ok(doubled > 150 && doubled < 250, `${doubled} of 1000 doubled`)
})

test('datagrams overtake each other when delays differ', () => {
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

/** Sends a thousand datagrams, one each millisecond; when which of them arrived. */
function arrivals(seed: number, weather: Weather): { readonly at: number; readonly number: number }[] {
  const network = new SimulatedNetwork({ random: seededRandom(seed), weather })
  const [from, to] = [endpoint('192.0.2.1:1'), endpoint('192.0.2.2:2')]
  for (let i = 0; i < 1000; i++) network.send({ from, to, datagram: Uint8Array.of(i >> 8, i) }, instant(i))
  const seen: { at: number; number: number }[] = []
  for (let at = network.nextTimeout(); at !== undefined; at = network.nextTimeout()) {
    const datagram = network.take(at)?.datagram
    seen.push({ at, number: ((datagram?.[0] ?? 0) << 8) | (datagram?.[1] ?? 0) })
  }
  return seen
}

function endpoint(text: string): Endpoint {
  const parsed = parseEndpoint(text)
  assert.ok(parsed !== undefined)
  return parsed
}
