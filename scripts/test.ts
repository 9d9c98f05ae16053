/**
 * `npm test`: the check, then every test; `npm run test:long` runs the long sets too (`WEFT_LONG=1`).
 * Paths given behind `--` are run instead, without the check: `npm test -- packages/wireguard/test/*.test.ts`.
 */
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({ options: { long: { type: 'boolean' } }, allowPositionals: true })
const env = { ...process.env, ...(values.long ? { WEFT_LONG: '1' } : {}) }

process.exitCode = positionals.length > 0 ? run(positionals, 1) : runAll()

function runAll(): number {
  const check = spawnSync(process.execPath, ['scripts/check.ts'], { stdio: 'inherit' }).status ?? 1
  const parts = run(globSync('{packages,drivers,apps,scripts}/**/test/**/*.test.ts').filter(isOurs), 2)
  const scenarios = run(globSync('{lab,bench}/test/**/*.test.ts').filter(isOurs), 2)
  return Math.max(check, parts, scenarios)
}

function run(files: readonly string[], concurrency: number): number {
  if (files.length === 0) return 0
  const options = ['--test', `--test-concurrency=${concurrency}`, '--test-reporter=spec']
  return spawnSync(process.execPath, [...options, ...files.toSorted()], { stdio: 'inherit', env }).status ?? 1
}

function isOurs(file: string): boolean {
  return !file.includes('node_modules')
}
