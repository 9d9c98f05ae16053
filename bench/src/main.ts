/** `npm run bench NAME [-- --rounds N] [--json FILE]`: see README.md beside this folder. */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type Bench, type BenchOptions, plain } from './bench.ts'
import { benchCli } from './cli.ts'
import { benchCoordinator } from './coordinator/bench-coordinator.ts'
import { benchEngines } from './engines/bench-engines.ts'
import { benchHandshakes } from './handshakes.ts'
import { benchJoin } from './join.ts'
import { describeLoad, describeMachine } from './machine-description.ts'
import { benchNetmapChange } from './netmap-change.ts'
import { benchPaths } from './paths/bench-paths.ts'
import { benchRelay } from './relay/bench-relay.ts'
import { benchThroughput } from './throughput.ts'

const benches: Readonly<Record<string, Bench>> = {
  cli: plain(benchCli),
  coordinator: benchCoordinator,
  engines: benchEngines,
  handshakes: plain(benchHandshakes),
  join: plain(benchJoin),
  'netmap-change': plain(benchNetmapChange),
  paths: benchPaths,
  relay: benchRelay,
  throughput: plain(benchThroughput),
}

const USAGE = `usage: npm run bench NAME [-- --rounds N --json FILE]; NAME is one of ${Object.keys(benches).join(', ')}; engines, paths and relay also take --only, engines --wire and --profile DIRECTORY`

const { values, positionals } = asked()
const [name = ''] = positionals
const bench = benches[name]
const rounds = Number(values.rounds)
if (bench === undefined || !Number.isInteger(rounds) || rounds < 1) refuse()

const options: BenchOptions = {
  rounds,
  only: values.only?.split(','),
  wire: values.wire,
  profile: values.profile,
}
const machine = describeMachine()
const load = describeLoad()
const command = `npm run bench ${name} -- ${process.argv.slice(3).join(' ')}`
console.log(`${machine}, ${rounds} rounds, ${load}`)
const report = await bench(options)
if (values.json !== undefined) {
  writeFileSync(values.json, `${JSON.stringify({ bench: name, command, machine, load, rounds, ...report }, null, 2)}\n`)
}

function asked() {
  try {
    return parseArgs({
      options: {
        rounds: { type: 'string', default: '5' },
        json: { type: 'string' },
        only: { type: 'string' },
        wire: { type: 'string' },
        profile: { type: 'string' },
      },
      allowPositionals: true,
    })
  } catch {
    return refuse()
  }
}

function refuse(): never {
  console.error(USAGE)
  process.exit(2)
}
