import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { type Machine, type MeshNode, until } from '../src/index.ts'
import type { LabProcess } from '../src/lab-process.ts'
import { program } from './programs/index.ts'

interface Zone {
  readonly origin: string
  readonly lines: readonly string[]
}

interface Answer {
  readonly rcode: string
  readonly flag_aa: boolean
  readonly flag_tc: boolean
  readonly answers: readonly {
    readonly name: string
    readonly type: string
    readonly ttl: number
    readonly data: unknown
  }[]
  readonly authorities: readonly { readonly name: string; readonly type: string; readonly ttl: number }[]
}

const SOA = '@ 5 IN SOA dns.weft. hostmaster.weft. 1 3600 600 86400 5'
const NS = '@ 5 IN NS dns.weft.'
const TYPES = ['A', 'AAAA', 'A', 'AAAA', 'PTR', 'SOA', 'NS', 'MX', 'TXT', 'CNAME', 'SRV', 'CAA'] as const

/** NSD on a machine of the lab, with the zones of a mesh written down by hand, so to speak: from what `weft status` says. */
export class ReferenceServer {
  readonly #process: LabProcess
  readonly #port: number

  private constructor(process: LabProcess, port: number) {
    this.#process = process
    this.#port = port
  }

  static async start(machine: Machine, port: number, zones: readonly Zone[]): Promise<ReferenceServer> {
    const folder = machine.path('var/lib/nsd-test')
    mkdirSync(folder, { recursive: true })
    const inside = '/var/lib/nsd-test'
    const settings = [
      'server:',
      '  username: ""',
      `  ip-address: 0.0.0.0@${port}`,
      '  refuse-any: no',
      '  minimal-responses: no',
      `  zonesdir: "${inside}"`,
      '  database: ""',
      `  pidfile: "${inside}/nsd.pid"`,
      `  xfrdfile: "${inside}/xfrd.state"`,
      `  xfrdir: "${inside}"`,
      `  zonelistfile: "${inside}/zone.list"`,
      'remote-control:',
      '  control-enable: no',
    ]
    for (const [number, { origin, lines }] of zones.entries()) {
      writeFileSync(`${folder}/${number}.zone`, `$ORIGIN ${origin}.\n${[SOA, NS, ...lines].join('\n')}\n`)
      settings.push('zone:', `  name: "${origin}"`, `  zonefile: "${number}.zone"`)
    }
    writeFileSync(`${folder}/nsd.conf`, `${settings.join('\n')}\n`)
    const process = machine.spawn('nsd', '-d', '-c', `${inside}/nsd.conf`)
    await until('nsd answers', async () => {
      const { code } = await machine.run('dig', '@127.0.0.1', '-p', String(port), '+time=1', '+tries=1', 'weft', 'SOA')
      return code === 0
    })
    return new ReferenceServer(process, port)
  }

  static zonesOf(mesh: {
    readonly devices: readonly MeshNode[]
    readonly resolvers: readonly string[]
    /** `NAME TYPE VALUE`, of the zone. */
    readonly records: readonly string[]
  }): readonly Zone[] {
    const [v4 = '', v6 = ''] = mesh.resolvers
    const named = [
      ...mesh.devices.map((device) => ({ name: device.name, v4: device.v4, v6: device.v6 })),
      { name: 'dns', v4, v6 },
    ]
    const hosts = named.flatMap((each) => [`${each.name} 5 IN A ${each.v4}`, `${each.name} 5 IN AAAA ${each.v6}`])
    const below = mesh.devices.flatMap(({ name, ...each }) => [
      `*.${name} 5 IN A ${each.v4}`,
      `*.${name} 5 IN AAAA ${each.v6}`,
    ])
    const records = mesh.records.map((record) => record.replace(' ', ' 5 IN '))
    const reverse4 = named.map((each) => `${reverseOf(each.v4)}. 5 IN PTR ${each.name}.weft.`)
    const reverse6 = named.map((each) => `${reverseOf(each.v6)}. 5 IN PTR ${each.name}.weft.`)
    return [
      { origin: 'weft', lines: [...hosts, ...below, ...records] },
      { origin: reverseOf(v4).split('.').slice(1).join('.'), lines: reverse4 },
      { origin: reverseOf(v6).split('.').slice(20).join('.'), lines: reverse6 },
    ]
  }

  /** Asks both servers the same questions, and tells which were answered otherwise. */
  async compare(
    machine: Machine,
    resolver: string,
    count: number,
    zones: readonly Zone[],
  ): Promise<{ readonly questions: number; readonly answered: number; readonly differences: readonly string[] }> {
    const questions = randomQuestions(count, zones)
    const input = `${questions.join('\n')}\n`
    const ours = await ask(machine, input, resolver, 53)
    const theirs = await ask(machine, input, '127.0.0.1', this.#port)
    assert.equal(ours.length, theirs.length)
    const differences = questions.flatMap((question, i) => {
      const [mine, reference] = [essence(ours[i]), essence(theirs[i])]
      return mine === reference ? [] : [`${question}\n  ours   ${mine}\n  theirs ${reference}`]
    })
    return {
      questions: ours.length,
      answered: ours.filter((answer) => answer.answers.length > 0).length,
      differences,
    }
  }

  async stop(): Promise<void> {
    await this.#process.stop()
  }
}

async function ask(machine: Machine, input: string, address: string, port: number): Promise<readonly Answer[]> {
  const { code, stdout, stderr } = await machine.runWith(
    { input, timeout: 120_000 },
    ...program('dns-ask', address, port),
  )
  assert.equal(code, 0, stderr)
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

/**
 * What both must agree on. The serial is each server's own, the order of records means nothing, and a server may add
 * its NS to an answer, and addresses to that.
 */
function essence(answer: Answer | undefined): string {
  assert.ok(answer !== undefined)
  const { rcode, flag_aa, flag_tc, answers, authorities } = answer
  const records = answers.map(
    ({ name, type, ttl, data }) => `${name.toLowerCase()} ${ttl} ${type} ${type === 'SOA' ? '' : textOf(data)}`,
  )
  const denials = authorities.flatMap(({ name, type, ttl }) => (type === 'SOA' ? [`${name.toLowerCase()} ${ttl}`] : []))
  return JSON.stringify({ rcode, flag_aa, flag_tc, records: records.toSorted(), denials })
}

function textOf(data: unknown): string {
  const isBytes = typeof data === 'object' && data !== null && 'type' in data && data.type === 'Buffer'
  return (isBytes ? Buffer.from(data as never).toString() : JSON.stringify(data)).toLowerCase()
}

/** Names that are there, such as differ a little, and any; seeded, so that a difference can be looked at again. */
function randomQuestions(count: number, zones: readonly Zone[]): readonly string[] {
  let state = 20_261_128
  const next = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 8) % below
  }
  const pick = <T>(all: readonly T[]): T => all[next(all.length)] ?? assert.fail()
  const known = zones.flatMap(({ origin, lines }) => [
    origin,
    ...lines.map((line) => {
      const owner = (line.split(' ')[0] ?? '').replace(/^\*\./, 'any.')
      return owner.endsWith('.') ? owner.slice(0, -1) : `${owner}.${origin}`
    }),
  ])
  const labels = [
    'a',
    'x-1',
    'photos',
    '_http',
    '_tcp',
    'bob',
    'alice',
    'git',
    '9',
    '0',
    'f',
    'dns',
    'deep',
    'xn--bcher-kva',
  ]
  const cased = (name: string) => [...name].map((letter) => (next(4) === 0 ? letter.toUpperCase() : letter)).join('')
  return Array.from({ length: count }, () => {
    const base = pick(known).split('.')
    const origin = zones.find((zone) => base.join('.').endsWith(zone.origin))?.origin.split('.').length ?? 1
    const change = next(6)
    if (change === 0) base.unshift(pick(labels))
    if (change === 1) base.unshift(pick(labels), pick(labels))
    if (change === 2 && base.length > origin) base.shift()
    if (change === 3 && base.length > origin) base[0] = pick(labels)
    return `${cased(base.join('.'))} ${pick(TYPES)}`
  })
}

function reverseOf(address: string): string {
  if (!address.includes(':')) return `${address.split('.').reverse().join('.')}.in-addr.arpa`
  const [head = '', tail = ''] = address.split('::')
  const groups = (text: string) =>
    text
      .split(':')
      .filter(Boolean)
      .map((group) => group.padStart(4, '0'))
  const [front, back] = [groups(head), groups(tail)]
  const middle = Array.from({ length: 8 - front.length - back.length }, () => '0000')
  return `${[...[...front, ...middle, ...back].join('')].reverse().join('.')}.ip6.arpa`
}
