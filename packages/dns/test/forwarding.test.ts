import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StringAnswer } from 'dns-packet'
import { MAX_IN_FLIGHT } from '../src/forwarding.ts'
import { AskingMachine, decoded, question, RESOLVER, rcodeOf, upstream, withOpt } from './asking.ts'

const FIRST = upstream('192.0.2.1:53')
const SECOND = upstream('192.0.2.2:53')
const address = (ttl = 300): StringAnswer => ({ type: 'A', name: 'example.com', ttl, data: '203.0.113.5' })

test('other names go to the resolver that was there before, and its answer comes back', () => {
  const machine = new AskingMachine({ upstreams: [FIRST] })
  assert.equal(machine.exchange(question('example.com', 'A')), undefined)
  assert.equal(machine.asks[0]?.upstream, FIRST)
  machine.answerAsk({ answers: [address()] })
  const answer = decoded(machine.takeUdp())
  assert.deepEqual([answer.id, answer.rcode, answer.answers?.length], [4711, 'NOERROR', 1])
})

test('names of the mesh never go out', () => {
  const machine = new AskingMachine({ upstreams: [FIRST] })
  for (const name of ['nas.weft', 'nowhere.weft', 'weft', '9.64.96.100.in-addr.arpa']) machine.ask(name, 'A')
  assert.equal(machine.asks.length, 0)
})

test('an answer is kept for as long as it holds, and its time runs', () => {
  const machine = new AskingMachine({ upstreams: [FIRST] })
  machine.exchange(question('example.com', 'A'))
  machine.answerAsk({ answers: [address(100)] })
  machine.pass(40_000)
  const kept = machine.ask('example.com', 'A')
  assert.equal((kept.answers[0] as StringAnswer | undefined)?.ttl, 60)
  machine.pass(61_000)
  assert.equal(machine.exchange(question('example.com', 'A')), undefined)
  assert.equal(machine.asks.length, 2)
})

test('a name that is not there is believed for as long as the SOA says', () => {
  const machine = new AskingMachine({ upstreams: [FIRST] })
  const data = { mname: 'a', rname: 'b', serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 30 }
  machine.exchange(question('no.example', 'A'))
  machine.answerAsk({ flags: 3, authorities: [{ type: 'SOA', name: 'example', ttl: 900, data }] })
  machine.pass(29_000)
  assert.equal(machine.ask('no.example', 'A').rcode, 'NXDOMAIN')
  machine.pass(2_000)
  machine.exchange(question('no.example', 'A'))
  assert.equal(machine.asks.length, 2)
})

test('a resolver that does not answer is left for the next, and the one that answers comes first from then on', () => {
  const machine = new AskingMachine({ upstreams: [FIRST, SECOND] })
  machine.exchange(question('example.com', 'A'))
  machine.pass(2_000)
  assert.equal(machine.asks.at(-1)?.upstream, SECOND)
  machine.answerAsk({ answers: [address()] })
  assert.ok(machine.takeUdp() !== undefined)
  machine.exchange(question('example.org', 'A'))
  assert.equal(machine.asks.at(-1)?.upstream, SECOND)
})

test('a resolver that fails is left at once', () => {
  const machine = new AskingMachine({ upstreams: [FIRST, SECOND] })
  machine.exchange(question('example.com', 'A'))
  machine.tell({ kind: 'upstream-failed', ask: machine.asks[0]?.ask ?? 0 })
  assert.equal(machine.asks.at(-1)?.upstream, SECOND)
  machine.answerAsk({ flags: 2 })
  assert.equal(rcodeOf(machine.takeUdp() ?? new Uint8Array(4)), 2)
})

test('where nobody answers the question fails, and a late answer is not taken', () => {
  const machine = new AskingMachine({ upstreams: [FIRST] })
  machine.exchange(question('example.com', 'A'))
  machine.pass(10_000)
  assert.equal(rcodeOf(machine.takeUdp() ?? new Uint8Array(4)), 2)
  machine.answerAsk({ answers: [address()] })
  assert.equal(machine.packets.length, 0)
  assert.equal(new Set(machine.forgotten).size, machine.asks.length)
})

test('an answer to another question, or with another number, is not taken', () => {
  const machine = new AskingMachine({ upstreams: [FIRST] })
  machine.exchange(question('example.com', 'A'))
  machine.answerAsk({ answers: [address()], questions: [{ type: 'A', name: 'example.net' }] })
  machine.answerAsk({ answers: [address()], id: 1 })
  machine.answerAsk({ answers: [address()] }, (message) => message.slice(0, -1))
  assert.equal(machine.packets.length, 0)
  machine.answerAsk({ answers: [address()] })
  assert.equal(machine.packets.length, 1)
})

test('a resolver that asks us what we ask it gets no storm', () => {
  const machine = new AskingMachine({ upstreams: [FIRST] })
  machine.exchange(question('example.com', 'A'))
  for (let i = 0; i < 100; i++) machine.exchange(question('example.com', 'A'))
  assert.equal(machine.asks.length, 1)
  machine.pass(60_000)
  assert.equal(machine.asks.length, 4)
})

test('our own address is no resolver to ask', () => {
  const machine = new AskingMachine({ upstreams: [upstream(`${RESOLVER}:53`)] })
  assert.equal(machine.ask('example.com', 'A').rcode, 'REFUSED')
})

test('so many questions are on their way at a time, and no more', () => {
  const machine = new AskingMachine({ upstreams: [FIRST] })
  for (let i = 0; i < MAX_IN_FLIGHT; i++) machine.exchange(question(`n${i}.example`, 'A'))
  assert.equal(machine.asks.length, MAX_IN_FLIGHT)
  assert.equal(machine.ask('one-more.example', 'A').rcode, 'SERVFAIL')
  machine.answerAsk({ answers: [] })
  machine.exchange(question('one-more.example', 'A'))
  assert.equal(machine.asks.length, MAX_IN_FLIGHT + 1)
})

test('what is longer than the asker takes is truncated, and what says it is truncated stays so', () => {
  const machine = new AskingMachine({ upstreams: [FIRST] })
  machine.exchange(question('example.com', 'A'))
  machine.answerAsk({ answers: Array.from({ length: 60 }, () => address()) })
  const cut = decoded(machine.takeUdp())
  assert.deepEqual([cut.flag_tc, cut.answers], [true, []])
  machine.exchange(question('example.org', 'A', withOpt(1232)))
  machine.answerAsk({ flags: 0x0200 })
  assert.equal(decoded(machine.takeUdp()).flag_tc, true)
})

test('an alias out of the mesh comes with what it leads to', () => {
  const machine = new AskingMachine({ upstreams: [FIRST] })
  assert.equal(machine.exchange(question('out.weft', 'A')), undefined)
  assert.equal(decoded(machine.asks[0]?.message).questions?.[0]?.name, 'example.com')
  machine.answerAsk({ answers: [address()] })
  const answer = decoded(machine.takeUdp())
  assert.deepEqual(
    answer.answers?.map(({ name, type }) => [name, type]),
    [
      ['out.weft', 'CNAME'],
      ['example.com', 'A'],
    ],
  )
})

test('other resolvers are told nothing of what the asker said to us', () => {
  const machine = new AskingMachine({ upstreams: [FIRST] })
  machine.exchange(question('example.com', 'A', withOpt(4096)))
  const asked = decoded(machine.asks[0]?.message)
  assert.notEqual(asked.id, 4711)
  assert.deepEqual(
    asked.additionals?.map((each) => (each as { udpPayloadSize?: number }).udpPayloadSize),
    [1232],
  )
})

test('with other resolvers what was kept is forgotten', () => {
  const machine = new AskingMachine({ upstreams: [FIRST] })
  machine.exchange(question('example.com', 'A'))
  machine.answerAsk({ answers: [address()] })
  machine.tell({ kind: 'upstreams', upstreams: [SECOND] })
  machine.exchange(question('example.com', 'A'))
  assert.equal(machine.asks.at(-1)?.upstream, SECOND)
})

test('junk in place of questions and answers does no harm', () => {
  const machine = new AskingMachine({ upstreams: [FIRST] })
  const valid = question('example.com', 'A', withOpt(1232))
  let state = 12_345
  const next = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 8) % below
  }
  for (let round = 0; round < 5_000; round++) {
    const message = round % 3 === 0 ? Uint8Array.from({ length: next(80) }, () => next(256)) : valid.slice()
    for (let change = next(4); change > 0; change--) if (message.length > 0) message[next(message.length)] = next(256)
    machine.exchange(message)
    machine.tell({ kind: 'packet', packet: Uint8Array.from({ length: next(100) }, () => (next(2) ? 0x45 : next(256))) })
    const ask = machine.asks.at(-1)
    if (ask !== undefined) machine.tell({ kind: 'upstream-answer', ask: ask.ask, message })
    if (round % 50 === 0) machine.pass(10_000)
  }
  machine.pass(60_000)
  assert.equal(machine.ask('nas.weft', 'A').rcode, 'NOERROR')
})
