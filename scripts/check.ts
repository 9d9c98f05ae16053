/** `npm run check`: types, format and lint, import directions, unused code. Runs all of them, fails when one fails. */
import { spawnSync } from 'node:child_process'
import { layerFaults } from './layers.ts'

const tools: readonly (readonly [name: string, ...command: string[]])[] = [
  ['types', 'tsc', '-p', '.'],
  ['format and lint', 'biome', 'check', '--error-on-warnings', '--max-diagnostics=50', '.'],
  ['unused code', 'knip', '--no-progress'],
]

let failed = false
for (const [name, command = '', ...options] of tools) {
  const started = performance.now()
  const { status } = spawnSync(command, options, { stdio: 'inherit' })
  report(name, status === 0, started)
}

const started = performance.now()
const faults = layerFaults()
for (const fault of faults) console.error(fault)
report('import directions', faults.length === 0, started)
process.exitCode = failed ? 1 : 0

function report(name: string, passed: boolean, since: number): void {
  failed ||= !passed
  console.log(`${passed ? 'ok  ' : 'FAIL'} ${name} (${((performance.now() - since) / 1000).toFixed(1)} s)`)
}
