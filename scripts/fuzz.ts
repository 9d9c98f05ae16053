/**
 * `npm run fuzz`: every decoder against its long set of mutated inputs, one line for each; more than ten million in all.
 * With paths behind `--` only those: `npm run fuzz -- packages/dns/test/fuzz.test.ts`. A find names what it takes to have it again.
 */
import { globSync } from 'node:fs'
import { run } from 'node:test'

const FUZZED = /^(.*) is held against any input \((\d+) inputs, seed (\d+)\)$/
const started = performance.now()
const given = process.argv.slice(2)
const files = given.length > 0 ? given : globSync('{packages,drivers,apps}/*/test/**/*fuzz.test.ts').toSorted()
process.env.WEFT_LONG = '1'

let inputs = 0
let isFound = false
/** Of the decoder whose test has passed, and whose branches are told next. */
let passed = ''

for await (const { type, data } of run({ files, concurrency: 2 })) {
  if (type === 'test:pass') {
    const [, name, count, seed] = FUZZED.exec(data.name) ?? []
    if (name === undefined) continue
    inputs += Number(count)
    passed = `${name}: ${Number(count).toLocaleString('en')} inputs, seed ${seed}, ${inMinutes(data.details.duration_ms)}`
  } else if (type === 'test:diagnostic' && data.message.startsWith('branches: ') && passed !== '') {
    console.log(`${passed}, ${data.message.split(';')[0]}`)
    passed = ''
  } else if (type === 'test:fail' && data.details.type !== 'suite') {
    isFound = true
    const { error } = data.details
    console.error(`FOUND: ${data.name}\n${error.cause instanceof Error ? error.cause.message : error.message}`)
  }
}

console.log(
  `${inputs.toLocaleString('en')} inputs in ${inMinutes(performance.now() - started)}${isFound ? '; there are finds' : ''}`,
)
process.exitCode = isFound ? 1 : 0

function inMinutes(ms: number): string {
  return ms < 60_000 ? `${Math.round(ms / 1000)} s` : `${(ms / 60_000).toFixed(1)} min`
}
