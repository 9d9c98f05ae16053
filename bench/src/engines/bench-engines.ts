import { Lab } from '@weft/lab'
import type { BenchOptions } from '../bench.ts'
import { type Engine, findEngines } from './engine.ts'
import { EnginePair, WIRES, type Wire } from './engine-pair.ts'
import { handshakeQuantity } from './handshake.ts'
import { memoryQuantity } from './memory.ts'
import { pingQuantities } from './ping.ts'
import { profileLane } from './profile.ts'
import type { Quantity } from './quantity.ts'
import { Results } from './results.ts'
import { tcpQuantities } from './tcp.ts'
import { udpQuantities } from './udp.ts'

const QUANTITIES = [...tcpQuantities, ...udpQuantities, ...pingQuantities, memoryQuantity, handshakeQuantity]

/** `weft wg` and other people's WireGuard side by side: what is compared is measured within seconds of each other. */
export async function benchEngines(options: BenchOptions): Promise<Readonly<Record<string, unknown>>> {
  const quantities = chosen(options.only)
  const wires = chosenWires(options.wire)
  const { engines, missing } = findEngines()
  for (const { name, version } of engines) console.log(`${name}: ${version}`)
  for (const each of missing) console.log(`${each.name} is left out: ${each.missing}`)
  using lab = await Lab.create()
  const pairs: EnginePair[] = []
  for (const engine of engines) {
    const pair = await start(lab, `e${pairs.length}`, engine)
    if ('missing' in pair) missing.push(pair)
    else pairs.push(pair)
  }
  const results = new Results(pairs.map(({ engine }) => engine.name))
  for (let round = 1; round <= options.rounds; round++) {
    console.log(`round ${round} of ${options.rounds}, ${new Date().toLocaleTimeString()}`)
    for (const wire of wires) await takeTurns({ lab, pairs, quantities, wire, results, isFirst: wire === wires[0] })
  }
  results.print()
  const profiles = options.profile === undefined ? [] : await profileLane(lab, options.profile)
  return {
    engines: engines.map(({ name, version }) => ({ name, version })),
    missing,
    profiles,
    figures: results.figures(),
  }
}

async function start(
  lab: Lab,
  name: string,
  engine: Engine,
): Promise<EnginePair | { readonly name: string; readonly missing: string }> {
  try {
    return await EnginePair.start(lab, name, engine)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    console.log(`${engine.name} is left out: it does not start here: ${reason}`)
    return { name: engine.name, missing: `does not start here: ${reason}` }
  }
}

async function takeTurns(run: {
  readonly lab: Lab
  readonly pairs: readonly EnginePair[]
  readonly quantities: readonly Quantity[]
  readonly wire: Wire
  readonly results: Results
  readonly isFirst: boolean
}): Promise<void> {
  for (const pair of run.pairs) await pair.setWire(run.wire)
  for (const quantity of run.quantities) {
    if (!quantity.dependsOnWire && !run.isFirst) continue
    for (const pair of run.pairs) {
      const figures = await quantity.measure(pair, run.lab).catch((error: unknown) => {
        console.log(
          `${pair.engine.name}, ${quantity.name}: failed: ${error instanceof Error ? error.message.slice(0, 300) : error}`,
        )
        return []
      })
      run.results.add(pair.engine.name, quantity.dependsOnWire ? run.wire : 'any', figures)
    }
  }
}

/** `tcp` chooses `tcp-one`, `tcp-four`, … too. */
function chosen(only: readonly string[] | undefined): readonly Quantity[] {
  if (only === undefined) return QUANTITIES
  const fits = (word: string, { name }: Quantity) => name === word || name.startsWith(`${word}-`)
  const wrong = only.find((word) => !QUANTITIES.some((quantity) => fits(word, quantity)))
  if (wrong !== undefined)
    throw new Error(`--only ${wrong}: there is only ${QUANTITIES.map(({ name }) => name).join(', ')}`)
  return QUANTITIES.filter((quantity) => only.some((word) => fits(word, quantity)))
}

function chosenWires(wire: string | undefined): readonly Wire[] {
  if (wire === undefined) return WIRES
  const found = WIRES.filter((each) => each === wire)
  if (found.length === 0) throw new Error(`--wire ${wire}: there is only ${WIRES.join(' and ')}`)
  return found
}
