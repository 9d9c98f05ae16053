/** `npm run bench NAME [-- --rounds N] [--json FILE]`: see README.md beside this folder. */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { benchHandshakes } from './handshakes.ts'
import { benchJoin } from './join.ts'
import { describeMachine } from './machine-description.ts'
import { type Measurement, printTable } from './measurement.ts'
import { benchThroughput } from './throughput.ts'

const benches: Readonly<Record<string, (rounds: number) => Promise<readonly Measurement[]>>> = {
  handshakes: benchHandshakes,
  join: benchJoin,
  throughput: benchThroughput,
}

const { values, positionals } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, json: { type: 'string' } },
  allowPositionals: true,
})
const [name = ''] = positionals
const bench = benches[name]
const rounds = Number(values.rounds)
if (bench === undefined || !Number.isInteger(rounds) || rounds < 1) {
  console.error(
    `usage: npm run bench NAME [-- --rounds N --json FILE]; NAME is one of ${Object.keys(benches).join(', ')}`,
  )
  process.exit(2)
}

const machine = describeMachine()
console.log(`${machine}, ${rounds} rounds`)
const measurements = await bench(rounds)
printTable(measurements)
if (values.json !== undefined) {
  writeFileSync(values.json, `${JSON.stringify({ bench: name, machine, rounds, measurements }, null, 2)}\n`)
}
