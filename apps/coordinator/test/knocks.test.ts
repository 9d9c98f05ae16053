import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type IpAddress, silentLogger, toHex } from '@weft/base'
import type { NodeId } from '@weft/keys'
import { seededRandom } from '@weft/testing'
import { Knocks, type PublicPort } from '../src/knocks.ts'
import { TestCoordinator } from './test-coordinator.ts'

const relay = 'ab'.repeat(16) as NodeId
const welcome = { relay, stunPort: undefined, seenAt: '203.0.113.7' as IpAddress, version: 2 } as const

test('reached is who was come to with the token, whatever the relay says', () => {
  for (const said of ['answered', 'silent'] as const) {
    const { knocks, log } = knocksAt()
    const asked = knocks.begin(welcome) ?? assert.fail()
    assert.equal(asked.port, 7480)
    assert.equal(knocks.resultOf(relay)?.outcome, 'untold')
    assert.ok(knocks.heard(toHex(asked.token)))
    knocks.told(relay, asked.token, said)
    assert.deepEqual(knocks.resultOf(relay), { relay, at: '203.0.113.7:7480', outcome: 'answered' })
    assert.deepEqual(log, ['reached from outside'])
    assert.ok(!knocks.heard(toHex(asked.token)))
  }
})

test('a relay that claims an answer where nobody came is not believed', () => {
  const { knocks, log } = knocksAt()
  const asked = knocks.begin(welcome) ?? assert.fail()
  assert.ok(!knocks.heard('00'.repeat(16)))
  knocks.told(relay, new Uint8Array(16), 'silent')
  knocks.told('cd'.repeat(16) as NodeId, asked.token, 'silent')
  assert.equal(knocks.resultOf(relay)?.outcome, 'untold')
  knocks.told(relay, asked.token, 'answered')
  assert.equal(knocks.resultOf(relay)?.outcome, 'other')
  assert.deepEqual(log, ['not reached from outside'])
})

test('the log has what changed, and nothing that stayed', () => {
  const { knocks, log } = knocksAt()
  for (const outcome of ['silent', 'silent', 'too-often', 'answered'] as const) {
    const { token } = knocks.begin(welcome) ?? assert.fail()
    if (outcome === 'answered') knocks.heard(toHex(token))
    knocks.told(relay, token, outcome)
  }
  assert.equal(knocks.resultOf(relay)?.outcome, 'answered')
  assert.deepEqual(log, ['not reached from outside', 'reached from outside'])
  const moved = knocks.begin({ ...welcome, seenAt: '203.0.113.8' as IpAddress }) ?? assert.fail()
  assert.equal(knocks.resultOf(relay)?.outcome, 'untold')
  knocks.told(relay, moved.token, 'too-often')
  assert.equal(log.at(-1), 'not tested from outside')
})

test('an older relay, or one before which a proxy of the public URL stands, is not asked', () => {
  const old = knocksAt().knocks
  assert.equal(old.begin({ ...welcome, version: 1 }), undefined)
  assert.equal(old.resultOf(relay)?.outcome, 'older-relay')
  const proxied = knocksAt({ port: 443, isHttps: true }).knocks
  assert.equal(proxied.begin(welcome), undefined)
  assert.deepEqual(proxied.resultOf(relay), { relay, at: '203.0.113.7:443', outcome: 'https' })
})

test('a coordinator answers to no token but those that it gave', async () => {
  await using coordinator = await TestCoordinator.start()
  for (const token of ['00'.repeat(16), '', 'x'.repeat(300), '%00'])
    assert.equal((await fetch(`http://127.0.0.1:${coordinator.port}/v1/knock/${token}`)).ok, false)
})

function knocksAt(port: PublicPort = { port: 7480, isHttps: false }) {
  const log: string[] = []
  const logger = { ...silentLogger, info: (event: string) => void log.push(event) }
  return { knocks: new Knocks({ port, random: seededRandom(1), logger }), log }
}
