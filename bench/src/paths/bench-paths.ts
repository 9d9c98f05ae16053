/*
 *   alice ── lan ── router ──┐
 *                            ├─ internet ── dora, the coordinator with relay and STUN
 *   bob   ── lan ── router ──┘          └── rita, a relay with STUN, where one is needed
 */
import type { Bench } from '../bench.ts'
import { changes } from './changes.ts'
import { type Figure, ofRounds, printFigures } from './figure.ts'
import { freshPairs } from './fresh-pairs.ts'
import { idlePairs } from './idle-pairs.ts'

const IDLE_SECONDS = 60
const LONG_IDLE_SECONDS = 600

/** What a stream of packets notices of a change of path, and how long the first packet of a pair takes. */
export const benchPaths: Bench = async ({ rounds, only }) => {
  const each = [...freshPairs, ...changes]
  const names = [...new Set([...each.map(({ name }) => name), 'idle'])]
  const wrong = only?.find((name) => !names.includes(name))
  if (wrong !== undefined) throw new Error(`--only ${wrong}: there is only ${names.join(', ')}`)
  const figures: Figure[] = []
  const chosen = each.filter(({ name }) => only?.includes(name) ?? true)
  for (let round = 1; round <= rounds; round++) {
    for (const scenario of chosen) {
      const got = await scenario.measure()
      console.log(
        `round ${round} of ${rounds}: ${got.map(({ name, value }) => `${name} ${Math.round(value)}`).join(', ')}`,
      )
      figures.push(...got)
    }
  }
  if (only?.includes('idle') ?? true)
    figures.push(...(await idlePairs(rounds, only?.length === 1 ? LONG_IDLE_SECONDS : IDLE_SECONDS)))
  const measurements = ofRounds(figures)
  printFigures(measurements)
  return { measurements }
}
