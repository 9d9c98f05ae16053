import { setTimeout as sleep } from 'node:timers/promises'
import { Lab, pathTo, reporting, Stream, twoSites } from '@weft/lab'
import type { NatName } from '@weft/testing'
import type { Figure } from './figure.ts'
import type { Scenario } from './scenario.ts'

/** Searches are over. */
const SETTLING_MS = 5_000
const FIRST_AIM_MS = 500
const DIRECT_AIM_MS = 1_000

const PAIRS: readonly { readonly nats: readonly [NatName, NatName]; readonly ends: 'direct' | 'relayed' }[] = [
  { nats: ['port-restricted', 'port-restricted'], ends: 'direct' },
  { nats: ['firewall', 'port-restricted'], ends: 'direct' },
  { nats: ['full-cone', 'symmetric'], ends: 'direct' },
  { nats: ['symmetric', 'symmetric'], ends: 'relayed' },
]

/** Two that never spoke: the first packet goes by relay, and where a direct path is possible, the stream moves there. */
export const freshPairs: readonly Scenario[] = PAIRS.map(({ nats, ends }) => ({
  name: 'upgrade',
  async measure() {
    using lab = await Lab.create()
    return await reporting(lab, async () => {
      const { alice, bob } = await twoSites(lab, ...nats)
      const stream = new Stream(alice, bob)
      const first = await stream.first()
      await sleep(SETTLING_MS)
      await stream.flows()
      const { lost, longestGap } = await stream.stop()
      const path = await pathTo(alice, bob)
      if (path?.kind !== ends) throw new Error(`${nats.join(' and ')} end ${path?.kind}, not ${ends}`)
      const title = `fresh pair, ${nats.join(' and ')}`
      const direct: Figure[] =
        ends === 'relayed' || path.since === undefined
          ? []
          : [
              {
                name: `${title}: direct after`,
                unit: 'ms',
                value: Date.parse(path.since) - stream.begun,
                aim: DIRECT_AIM_MS,
              },
            ]
      return [
        { name: `${title}: first answer`, unit: 'ms', value: first, aim: FIRST_AIM_MS },
        ...direct,
        { name: `${title}: lost`, unit: 'packets', value: lost, aim: 0 },
        { name: `${title}: longest gap`, unit: 'ms', value: longestGap },
      ] as const
    })
  },
}))
