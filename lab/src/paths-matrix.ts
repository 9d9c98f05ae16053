/**
 * `npm run lab:paths [-- --runs N] [--write]`: two machines behind each kind of router, a coordinator with relay and STUN on
 * the internet, and every pair's first packets. Prints how each pair ends and how long it took; with `--write`, into
 * `docs/paths.md`. Fails where a pair does not end in the best path that its routers allow.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { resolve } from 'node:path'
import { NAT_KINDS, type NatName } from '@weft/testing'
import { Internet } from './internet.ts'
import { Lab } from './lab.ts'
import { LabMesh, type MeshNode } from './mesh.ts'
import { reporting } from './requirements.ts'
import { pathTo } from './two-sites.ts'

const PAGE = resolve(import.meta.dirname, '../../docs/paths.md')
const BEGIN = '<!-- measured -->'
const SETTLING_MS = 6_000
const kinds = Object.keys(NAT_KINDS) as NatName[]

interface Result {
  readonly path: string
  /** Milliseconds from the first packet. */
  readonly firstMs: number
  readonly directMs: number | undefined
}

const options = process.argv.slice(2)
const runs = options.includes('--runs') ? Number(options[options.indexOf('--runs') + 1]) : 1
const results = new Map<string, Result[]>()
for (let run = 0; run < runs; run++) await runOnce()
const table = report()
console.log(table)
if (options.includes('--write')) {
  const text = readFileSync(PAGE, 'utf8')
  writeFileSync(PAGE, `${text.slice(0, text.indexOf(BEGIN) + BEGIN.length)}\n\n${table}\n`)
}

async function runOnce(): Promise<void> {
  using lab = await Lab.create()
  await reporting(lab, async () => {
    const internet = await Internet.create(lab)
    const mesh = await LabMesh.serve(await internet.host('dora'))
    const left = await nodesOf(internet, mesh, 'a')
    const right = await nodesOf(internet, mesh, 'b')
    for (const [i, a] of kinds.entries()) {
      for (const b of kinds.slice(i)) {
        const key = `${a} ${b}`
        const result = await measure(left.get(a) as MeshNode, right.get(b) as MeshNode, expected(a, b))
        results.set(key, [...(results.get(key) ?? []), result])
        console.error(`${key}: ${cellOf([result])}`)
      }
    }
  })
}

async function nodesOf(internet: Internet, mesh: LabMesh, side: string): Promise<ReadonlyMap<NatName, MeshNode>> {
  const nodes = new Map<NatName, MeshNode>()
  for (const [number, nat] of kinds.entries()) {
    const site = await internet.site(`${side}${number}`, { nat })
    nodes.set(nat, await mesh.join(await site.host(`${side}${number}h`)))
  }
  return nodes
}

/** The same as the oracle of `packages/node/test/random-internets.test.ts`. */
function expected(a: NatName, b: NatName): 'direct' | 'relayed' {
  const isHard = (nat: NatName) => NAT_KINDS[nat].mapping === 'random' || NAT_KINDS[nat].mapping === 'sequential'
  const letsInAnyPort = (nat: NatName) => NAT_KINDS[nat].filtering !== 'address-and-port'
  return letsInAnyPort(a) || letsInAnyPort(b) || (!isHard(a) && !isHard(b)) ? 'direct' : 'relayed'
}

async function measure(from: MeshNode, to: MeshNode, wanted: string): Promise<Result> {
  await from.knows(to)
  const begun = Date.now()
  const ping = from.machine.spawn('ping', '-n', '-i', '0.1', '-W', '5', to.v4)
  const first = await ping.line(/icmp_seq=(\d+) .*time=([\d.]+) ms/, { timeout: SETTLING_MS })
  const firstMs = (Number(first[1]) - 1) * 100 + Number(first[2])
  let path = await pathTo(from, to)
  while (path?.kind !== wanted && Date.now() - begun < SETTLING_MS) path = await pathTo(from, to)
  await ping.stop('SIGINT')
  const since = path?.kind === 'direct' && path.since !== undefined ? Date.parse(path.since) - begun : undefined
  if (path?.kind !== wanted) process.exitCode = 1
  return { path: path?.kind === wanted ? wanted : `${path?.kind}, not ${wanted}`, firstMs, directMs: since }
}

function report(): string {
  const rows = kinds.map((a, i) => [a, ...kinds.map((b, j) => (j < i ? '' : cellOf(results.get(`${a} ${b}`) ?? [])))])
  const commit = process.env.WEFT_COMMIT === undefined ? '' : ` at ${process.env.WEFT_COMMIT}`
  const cpu = cpus()[0]?.model ?? 'unknown CPU'
  return [
    `\`npm run lab:paths -- --runs ${runs} --write\`${commit}, ${new Date().toISOString().slice(0, 10)}, ${cpus().length} × ${cpu}, other work going on:`,
    '',
    `| | ${kinds.join(' | ')} |`,
    `| --- |${kinds.map(() => ' --- |').join('')}`,
    ...rows.map((row) => `| ${row.join(' | ')} |`),
  ].join('\n')
}

/** The median and the worst. */
function cellOf(all: readonly Result[]): string {
  const [one] = all
  if (one === undefined) return ''
  const firsts = spread(all.map(({ firstMs }) => firstMs))
  const directs = spread(all.flatMap(({ directMs }) => directMs ?? []))
  return `${all.map(({ path }) => path).find((path) => path.includes('not')) ?? one.path}; first ${firsts}${directs === '' ? '' : `; direct after ${directs}`}`
}

function spread(values: readonly number[]): string {
  if (values.length === 0) return ''
  const sorted = values.toSorted((a, b) => a - b)
  const median = Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0)
  const worst = Math.round(sorted.at(-1) ?? 0)
  return values.length === 1 ? `${median} ms` : `${median} (${worst}) ms`
}
