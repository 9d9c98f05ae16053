import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { isLongRun, partSeed, runSeed, type SeededRandom, seededRandom } from '../seeded-random.ts'
import { BranchCoverage } from './branch-coverage.ts'
import type { Mutation } from './mutations.ts'

/** What is fuzzed, with inputs that are in order. */
export interface FuzzScene<Input> {
  readonly valid: readonly Input[]
  /**
   * Does with the input what the program does with one from outside, and answers in a word what became of it. What is true of every
   * input, and what of every accepted one, is asserted in here.
   */
  read(input: Input): string | Promise<string>
  close?(): Promise<void>
}

export interface FuzzTarget<Input> {
  /** As in `NAME is held against any input`. */
  readonly name: string
  readonly mutate: Mutation<Input>
  /** Made anew for every thousand inputs, for what keeps a state. */
  scene(random: SeededRandom): FuzzScene<Input> | Promise<FuzzScene<Input>>
  /** Errors that `read` may throw, since they say no to an input: their `code` is what became of it. Any other error is a find. */
  readonly refusals?: readonly (abstract new (
    ...args: never
  ) => Error)[]
  /** What must have become of at least one input. */
  readonly reaches: readonly string[]
  /** Files whose branches are counted, or folders with a slash at the end: `identity/src/join-link.ts`. */
  readonly sources: readonly string[]
  /** How many inputs there are. */
  readonly inputs?: { readonly short?: number; readonly long?: number }
}

const BATCH = 1_000
/** Of a hundred inputs so many are valid ones as they are. */
const UNCHANGED = 0.02

/**
 * A test with a few thousand mutated inputs, or in the long set (`npm run fuzz`) half a million. It prints its seed and the branches
 * that it came through. A find names the seed and the batch, so that it can be had again at once:
 *
 *     WEFT_SEED=7 WEFT_BATCH=12 npm test -- FILE
 */
export function fuzz<Input>(target: FuzzTarget<Input>): void {
  const seed = runSeed()
  const inputs = (isLongRun() ? target.inputs?.long : target.inputs?.short) ?? (isLongRun() ? 500_000 : 3_000)
  test(`${target.name} is held against any input (${inputs} inputs, seed ${seed})`, async (context) => {
    const batches =
      process.env.WEFT_BATCH === undefined ? range(Math.ceil(inputs / BATCH)) : [Number(process.env.WEFT_BATCH)]
    const outcomes = new Map<string, number>()
    using coverage = new BranchCoverage()
    for (const batch of batches) await runBatch(target, { seed, batch, inputs: Math.min(inputs, BATCH), outcomes })
    report(context, outcomes, coverage, target.sources)
    if (process.env.WEFT_BATCH === undefined)
      for (const outcome of target.reaches) assert.ok(outcomes.has(outcome), `${outcome} among ${[...outcomes.keys()]}`)
  })
}

interface Batch {
  readonly seed: number
  readonly batch: number
  readonly inputs: number
  readonly outcomes: Map<string, number>
}

/** @throws {Error} the find, with what it takes to have it again. */
export async function runBatch<Input>(
  target: FuzzTarget<Input>,
  { seed, batch, inputs, outcomes }: Batch,
): Promise<void> {
  const random = seededRandom(partSeed(seed, batch))
  const scene = await target.scene(random)
  for (let number = 0; number < inputs; number++) {
    const valid = random.pick(scene.valid)
    const input = random.chance(UNCHANGED) ? valid : target.mutate(valid, random.pick(scene.valid), random)
    try {
      const read = scene.read(input)
      const outcome = typeof read === 'string' ? read : await read
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    } catch (error) {
      const code = refusalCode(error, target.refusals ?? [])
      if (code === undefined) {
        // What it says of the end adds nothing to the find.
        await scene.close?.().catch(() => {})
        throw findOf(error, input, { seed, batch, number })
      }
      outcomes.set(code, (outcomes.get(code) ?? 0) + 1)
    }
  }
  await scene.close?.()
}

function refusalCode(error: unknown, refusals: Required<FuzzTarget<never>>['refusals']): string | undefined {
  if (!refusals.some((refusal) => error instanceof refusal)) return undefined
  return error instanceof Error && 'code' in error ? String(error.code) : 'refused'
}

function findOf(cause: unknown, input: unknown, at: { seed: number; batch: number; number: number }): Error {
  const shown = input instanceof Uint8Array ? `bytes ${input.toHex()}` : JSON.stringify(input)
  const reason = cause instanceof Error ? cause.message : String(cause)
  const again = `again with WEFT_SEED=${at.seed} WEFT_BATCH=${at.batch}`
  return new Error(`input ${at.number} of batch ${at.batch}: ${reason}\n${again}\n${shown.slice(0, 8_192)}`, { cause })
}

function report(
  context: TestContext,
  outcomes: ReadonlyMap<string, number>,
  coverage: BranchCoverage,
  sources: readonly string[],
): void {
  const { covered, total, missed } = coverage.report(sources)
  assert.ok(covered > 0, `no branch of ${sources.join(', ')} was come through: are they named right?`)
  const counts = [...outcomes].toSorted(([, a], [, b]) => b - a).map(([outcome, count]) => `${outcome} ${count}`)
  context.diagnostic(`outcomes: ${counts.join(', ')}`)
  context.diagnostic(`branches: ${covered} of ${total}${missed.length > 0 ? `; missed ${missed.join(' ')}` : ''}`)
}

const range = (count: number): readonly number[] => [...Array(count).keys()]
