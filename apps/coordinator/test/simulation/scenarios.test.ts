import { test } from 'node:test'
import { isLongRun, partSeed, runSeed, seededRandom } from '@weft/testing'
import { Scenario } from './scenario.ts'

const seed = runSeed()
const [runs, budget] = isLongRun() ? [5_000, 900_000] : [300, 20_000]
const only = process.env.WEFT_RUN

/** Few devices mostly: they are quick, and most faults need no more than three. */
const MOST_DEVICES = [3, 3, 4, 4, 5, 6, 8, 12, 30]

test(`whatever happens to a mesh, it comes together again, and nothing that was acknowledged is lost (seed ${seed})`, async (context) => {
  const numbers = only === undefined ? [...Array(runs).keys()] : [Number(only)]
  const until = performance.now() + budget
  let [done, devices, datagrams] = [0, 0, 0]
  for (const number of numbers) {
    if (performance.now() > until) break
    const random = seededRandom(partSeed(seed, number))
    const scenario = new Scenario(random, number % 50 === 49 ? 30 : random.pick(MOST_DEVICES.slice(0, 8)))
    try {
      const result = await scenario.run(isLongRun() ? 4 + random.below(30) : 2 + random.below(7))
      done++
      devices += result.devices
      datagrams += result.datagrams
    } catch (cause) {
      const again = `again with WEFT_SEED=${seed} WEFT_RUN=${number} npm test -- apps/coordinator/test/simulation/scenarios.test.ts`
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new Error(`run ${number}: ${reason}\n${again}\n${scenario.steps.join('\n')}`, { cause })
    }
  }
  context.diagnostic(`${done} runs with ${devices} devices and ${datagrams} datagrams`)
})
