/*
 *   inside ── lan ── router, of every kind ──┐
 *                                            ├─ internet
 *                first, second: two hosts ───┘
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { NAT_KINDS, type NatName } from '@weft/testing'
import { Internet, Lab, type LabProcess, type Machine, reporting, skipReason, until } from '../src/index.ts'
import { program } from './programs/index.ts'

/** From the inside to `first`, at its first port, always; then these send back. */
const SENDERS = ['same endpoint', 'same address, other port', 'other address'] as const
type Sender = (typeof SENDERS)[number]

const letsIn: Readonly<Record<(typeof NAT_KINDS)[NatName]['filtering'], readonly Sender[]>> = {
  none: SENDERS,
  'endpoint-independent': SENDERS,
  address: ['same endpoint', 'same address, other port'],
  'address-and-port': ['same endpoint'],
}

describe('the routers of the lab', { skip: skipReason(), timeout: 300_000 }, () => {
  let lab: Lab
  let internet: Internet
  let first: Talker
  let second: Talker

  before(async () => {
    lab = await Lab.create()
    await reporting(lab, async () => {
      internet = await Internet.create(lab)
      first = await Talker.start(await internet.host('first'), 1001, 1002)
      second = await Talker.start(await internet.host('second'), 1001, 1002)
    })
  })
  after(() => lab[Symbol.dispose]())

  for (const [number, name] of (Object.keys(NAT_KINDS) as NatName[]).entries()) {
    const { mapping, filtering } = NAT_KINDS[name]
    it(`${name} maps ${mapping} and filters by ${filtering}`, () =>
      reporting(lab, async () => {
        const site = await internet.site(`s${number}`, { nat: name })
        const inside = await Talker.start(await site.host(`in${number}`), 2001, 2002)
        const outside = mapping === 'none' ? inside.machine.v4 : site.router.v4
        const seen = await inside.seenBy(2001, [
          [first, 1001],
          [first, 1002],
          [second, 1001],
        ])
        for (const place of seen) assert.match(place, new RegExp(`^${outside}:`))
        const ports = seen.map((place) => Number(place.split(':')[1]))
        if (mapping === 'none' || mapping === 'endpoint-independent') assert.deepEqual(ports, [2001, 2001, 2001])
        else if (mapping === 'random') assert.equal(new Set(ports).size, 3)
        else assert.deepEqual(ports, [ports[0], (ports[0] ?? 0) + 1, (ports[0] ?? 0) + 2])

        // Another socket, which has sent to one place only.
        const [mapped = ''] = await inside.seenBy(2002, [[first, 1001]])
        const heard = await inside.heardOf(2002, mapped, [
          ['same endpoint', first, 1001],
          ['same address, other port', first, 1002],
          ['other address', second, 1002],
        ])
        assert.deepEqual(heard, letsIn[filtering])
      }))
  }

  it('translate twice where a home is behind a carrier', () =>
    reporting(lab, async () => {
      const carrier = await internet.site('carrier', { nat: 'port-restricted', lan: '100.64.7.0/24' })
      const home = await internet.site('home', { nat: 'port-restricted', behind: carrier })
      const inside = await Talker.start(await home.host('deep'), 2001)
      assert.deepEqual(await inside.seenBy(2001, [[first, 1001]]), [`${carrier.router.v4}:2001`])
      assert.equal(home.router.v4, '100.64.7.2')
    }))

  it('let two inside meet at their outside addresses with hairpin only', () =>
    reporting(lab, async () => {
      for (const hairpin of [true, false]) {
        const site = await internet.site(`hair${hairpin ? 'y' : 'n'}`, { nat: 'port-restricted', hairpin })
        const one = await Talker.start(await site.host(`one${hairpin ? 'y' : 'n'}`), 2001)
        const two = await Talker.start(await site.host(`two${hairpin ? 'y' : 'n'}`), 2002)
        const [mapped = ''] = await two.seenBy(2002, [[first, 1001]])
        await one.seenBy(2001, [[first, 1001]])
        one.send(2001, mapped, 'over the bend')
        one.send(2001, `${two.machine.v4}:2002`, 'straight')
        await two.process.line(/^heard straight/)
        const bend = two.process.lines.find((line) => line.startsWith('heard over the bend'))
        assert.equal(bend?.replace(/.* from /, ''), hairpin ? `${site.router.v4}:2001` : undefined)
      }
    }))

  it('let no UDP through where that is blocked, and TCP all the same', () =>
    reporting(lab, async () => {
      const site = await internet.site('office', { nat: 'port-restricted', blocksUdp: true })
      const inside = await Talker.start(await site.host('desk'), 2001)
      const server = first.machine.spawn(...program('web-server', 8080, 'by TCP'))
      await server.line(/listening/)
      inside.send(2001, `${first.machine.v4}:1001`, 'through the wall')
      assert.equal(await inside.machine.ok('curl', '-sS', '-m', '10', `http://${first.machine.v4}:8080/`), 'by TCP')
      assert.ok(!first.process.lines.some((line) => line.includes('through the wall')))
    }))

  it('route IPv6 both ways where nothing filters, and let in what was asked for elsewhere', () =>
    reporting(lab, async () => {
      const open = await internet.site('open6', { nat: 'open', v6Only: true })
      const closed = await internet.site('closed6', { nat: 'port-restricted', v6: true })
      const [a, b] = [await open.host('a6'), await closed.host('b6')]
      assert.equal(a.v4, undefined)
      await b.ok('ping', '-n', '-c', '1', '-W', '5', a.v6 ?? '')
      assert.notEqual((await a.run('ping', '-n', '-c', '1', '-W', '1', b.v6 ?? '')).code, 0)
    }))
})

class Talker {
  readonly machine: Machine
  readonly process: LabProcess
  #texts = 0

  private constructor(machine: Machine, process: LabProcess) {
    this.machine = machine
    this.process = process
  }

  static async start(machine: Machine, ...ports: readonly number[]): Promise<Talker> {
    const talker = new Talker(machine, machine.spawn(...program('udp-talker', ...ports)))
    await talker.process.line(/^talking/)
    return talker
  }

  send(port: number, to: string, text: string): void {
    this.process.write(`${port} ${to.replace(':', ' ')} ${text}\n`)
  }

  /** As whom the others see the port, in turn. */
  async seenBy(port: number, others: readonly (readonly [Talker, number])[]): Promise<readonly string[]> {
    const seen: string[] = []
    for (const [{ machine }, otherPort] of others) {
      const place = `${machine.v4}:${otherPort}`
      const question = ++this.#texts
      this.send(port, place, `who? ${question}`)
      const found = await this.process.line(new RegExp(`^heard you are (\\S+) ${question} at ${port} from ${place}$`))
      seen.push(found[1] ?? '')
    }
    return seen
  }

  /** Which of the senders were heard at the port; those that the last of them, who was asked before, was heard after. */
  async heardOf(
    port: number,
    at: string,
    senders: readonly (readonly [Sender, Talker, number])[],
  ): Promise<readonly Sender[]> {
    const mark = `round ${++this.#texts}`
    const heard = (who: string) => this.process.lines.some((line) => line.startsWith(`heard ${mark} ${who} at ${port}`))
    for (const [who, talker, from] of senders.toReversed()) talker.send(from, at, `${mark} ${who}`)
    await until('what is let in for sure', () => heard('same endpoint'))
    const [, asked, askedPort] = senders[0] ?? []
    // What was sent before on each way has long arrived, once a question that was sent after it is answered.
    for (let round = 0; round < 3; round++) await this.seenBy(port, [[asked as Talker, askedPort ?? 0]])
    return SENDERS.filter(heard)
  }
}
