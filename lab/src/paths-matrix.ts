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
import { Stream } from './stream.ts'
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
  /** Of a hundred packets a second, until the path is the best one and a second more has flowed. */
  readonly lost: number
  readonly longestGapMs: number
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
  const stream = new Stream(from, to)
  const firstMs = await stream.first()
  let path = await pathTo(from, to)
  while (path?.kind !== wanted && Date.now() - stream.begun < SETTLING_MS) path = await pathTo(from, to)
  await stream.flows()
  const { lost, longestGap } = await stream.stop()
  const directMs =
    path?.kind === 'direct' && path.since !== undefined ? Date.parse(path.since) - stream.begun : undefined
  if (path?.kind !== wanted) process.exitCode = 1
  const ended = path?.kind === wanted ? wanted : `${path?.kind}, not ${wanted}`
  return { path: ended, firstMs, directMs, lost, longestGapMs: longestGap }
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
  const lost = all.reduce((sum, each) => sum + each.lost, 0)
  return [
    all.map(({ path }) => path).find((path) => path.includes('not')) ?? one.path,
    `first ${firsts}`,
    ...(directs === '' ? [] : [`direct after ${directs}`]),
    `lost ${lost}`,
    `gap ${spread(all.map(({ longestGapMs }) => longestGapMs))}`,
  ].join('; ')
}

function spread(values: readonly number[]): string {
  if (values.length === 0) return ''
  const sorted = values.toSorted((a, b) => a - b)
  const median = Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0)
  const worst = Math.round(sorted.at(-1) ?? 0)
  return values.length === 1 ? `${median} ms` : `${median} (${worst}) ms`
}
