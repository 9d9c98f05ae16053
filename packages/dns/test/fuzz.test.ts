import assert from 'node:assert/strict'
import { concatBytes, viewOf } from '@weft/base'
import { fuzz, mutateBytes } from '@weft/testing'
import { AskingMachine, answerTo, decoded, question, rcodeOf, upstream, withOpt } from './asking.ts'

const UPSTREAMS = [upstream('192.0.2.1:53')]
const MAX_UDP_ANSWER = 1232

fuzz({
  name: 'a DNS question',
  mutate: mutateBytes,
  scene: () => {
    const machine = new AskingMachine({ upstreams: UPSTREAMS })
    return {
      valid: [
        question('nas.weft', 'A'),
        question('photos.nas.weft', 'AAAA', withOpt(4096)),
        question('2.64.96.100.in-addr.arpa', 'PTR'),
        question('weft', 'AXFR'),
        question('nas.weft', 'A', withOpt(512, 1)),
        question('circle.weft', 'A'),
        question('out.weft', 'A', withOpt(1232)),
        question('example.com', 'A'),
      ],
      read(message) {
        const before = machine.asks.length
        const answer = machine.exchange(message)
        // So that the next one is asked as the first was.
        machine.pass(60_000)
        if (answer === undefined) return machine.asks.length > before ? 'asked elsewhere' : 'not answered'
        assert.ok(answer.length <= MAX_UDP_ANSWER)
        assert.deepEqual([...answer.subarray(0, 2)], [...message.subarray(0, 2)])
        assert.ok(((answer[2] ?? 0) & 0x80) !== 0, 'an answer says that it is one')
        return `rcode ${rcodeOf(answer)}`
      },
    }
  },
  reaches: ['not answered', 'asked elsewhere', ...[0, 1, 2, 3, 4, 5].map((rcode) => `rcode ${rcode}`)],
  sources: ['dns/src/query.ts', 'dns/src/message.ts', 'dns/src/reply.ts', 'dns/src/zone.ts'],
})

/** The same question each time, with the same number. */
function asked(): { readonly machine: AskingMachine; readonly ask: AskingMachine['asks'][number] } {
  const machine = new AskingMachine({ upstreams: UPSTREAMS })
  machine.exchange(question('out.weft', 'A'))
  const [ask] = machine.asks
  assert.ok(ask !== undefined)
  return { machine, ask }
}

/** A record of the name asked for. */
function withRecord(message: Uint8Array, type: number, data: readonly number[]): Uint8Array {
  const answer = concatBytes(message, Uint8Array.of(0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, data.length, ...data))
  viewOf(answer).setUint16(6, viewOf(answer).getUint16(6) + 1)
  return answer
}

fuzz({
  name: 'an answer of another resolver',
  mutate: mutateBytes,
  scene: () => {
    const bare = answerTo(asked().ask.message, {})
    const circle = bare.length + 12
    return {
      valid: [
        bare,
        withRecord(bare, 1, [203, 0, 113, 5]),
        withRecord(withRecord(bare, 5, [1, 97, 0xc0, 12]), 28, Array(16).fill(32)),
        // A name that leads to itself.
        withRecord(bare, 5, [0xc0, circle]),
        answerTo(asked().ask.message, { flags: 3 }),
        answerTo(asked().ask.message, {
          answers: Array(90).fill({ type: 'A', name: 'a.b', ttl: 1, data: '192.0.2.9' }),
        }),
      ],
      read(message) {
        const { machine, ask } = asked()
        machine.tell({ kind: 'upstream-answer', ask: ask.ask, message })
        const answer = machine.takeUdp()
        if (answer === undefined) return 'not taken'
        const { answers, flag_tc: isCut } = decoded(answer)
        assert.ok(answers.every(({ type }) => ['A', 'AAAA', 'CNAME'].includes(type)) || isCut)
        return isCut ? 'cut' : `rcode ${rcodeOf(answer)}`
      },
    }
  },
  reaches: ['not taken', 'rcode 0', 'rcode 3', 'cut'],
  sources: ['dns/src/forwarding.ts', 'dns/src/followed-addresses.ts', 'dns/src/message.ts'],
})
