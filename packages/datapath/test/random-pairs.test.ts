import assert from 'node:assert/strict'
import { test } from 'node:test'
import { milliseconds, toHex } from '@weft/base'
import type { Weather } from '@weft/testing'
import type { SimulatedNode } from './simulated-node.ts'
import { calm, SimulatedPair } from './simulated-pair.ts'

const PAIRS = 1000
const SECOND = 1000
/** Time for one more attempt (5 s), for a crossing to settle (1 s), and for the last packets. */
const CALM_TIME = 20 * SECOND

test('1,000 random pairs with loss, reordering and duplication all end in one working session', () => {
  for (let seed = 1; seed <= PAIRS; seed++) {
    try {
      assertEndsInOneSession(seed)
    } catch (cause) {
      throw new Error(`seed ${seed}`, { cause })
    }
  }
})

function assertEndsInOneSession(seed: number): void {
  const pair = new SimulatedPair(seed, calm)
  pair.network.weather = randomWeather(pair)
  // One in ten lives through a rekey in bad weather.
  const roughTime = (pair.fraction() < 0.1 ? 200 : 10) * SECOND
  const sent = exchangeRandomly(pair, roughTime)
  pair.network.weather = calm
  for (let time = 0; time < CALM_TIME; time += SECOND) {
    for (const from of [0, 1] as const) sent[from].push(pair.send(from))
    pair.run(SECOND)
  }
  const last = [pair.send(0), pair.send(1)] as const
  pair.run(SECOND)
  for (const from of [0, 1] as const) {
    const received = pair.nodes[1 - from]?.delivered.map(toHex) ?? []
    assert.ok(received.includes(toHex(last[from])), `the last packet of node ${from} arrives`)
    assert.equal(new Set(received).size, received.length, `no packet of node ${from} arrives twice`)
    const known = new Set([...sent[from], last[from]].map(toHex))
    assert.ok(
      received.every((packet) => known.has(packet)),
      `node ${1 - from} receives only what was sent`,
    )
  }
  assertOneSession(pair.nodes)
}

function assertOneSession([alice, bob]: readonly [SimulatedNode, SimulatedNode]): void {
  const used = alice.sessions.get(bob.lastReceiver ?? -1)
  assert.ok(used !== undefined, 'bob sends with a session that alice has')
  assert.equal(used.remoteIndex, alice.lastReceiver, 'alice sends with the same session')
}

function randomWeather(pair: SimulatedPair): Weather {
  const leastDelay = pair.fraction() * 50
  return {
    loss: pair.fraction() * 0.4,
    duplication: pair.fraction() * 0.3,
    leastDelay: milliseconds(leastDelay),
    mostDelay: milliseconds(leastDelay + pair.fraction() * 400),
  }
}

/** Packets both ways at random moments; often both begin at once, so that handshakes cross. */
function exchangeRandomly(pair: SimulatedPair, duration: number): [Uint8Array[], Uint8Array[]] {
  const sent: [Uint8Array[], Uint8Array[]] = [[], []]
  const spacing = duration / 20
  for (let time = 0; time < duration; ) {
    const from = pair.fraction() < 0.5 ? 0 : 1
    sent[from].push(pair.send(from))
    const pause = pair.fraction() < 0.3 ? pair.fraction() * 50 : pair.fraction() * spacing * 2
    pair.run(pause)
    time += pause
  }
  return sent
}
