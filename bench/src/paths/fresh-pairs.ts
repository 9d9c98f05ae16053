import { setTimeout as sleep } from 'node:timers/promises'
import { Internet, Lab, LabMesh, type MeshNode, pathTo, reporting, type SiteOptions, Stream } from '@weft/lab'
import type { Figure } from './figure.ts'
import type { Scenario } from './scenario.ts'

/** Searches are over. */
const SETTLING_MS = 5_000
const FIRST_AIM_MS = 500
const DIRECT_AIM_MS = 1_000

interface Places {
  readonly title: string
  readonly alice: SiteOptions
  /** Where bob is; absent: where alice is. */
  readonly bob?: SiteOptions
  /** Whether a home's router is between alice and her site. */
  readonly isTwiceBehind?: boolean
}

/** Every pair of NAT kinds is in the matrix of `npm run lab:paths`; these are the places that it has not. */
const PLACES: readonly Places[] = [
  { title: 'one LAN', alice: { nat: 'firewall' } },
  { title: 'one NAT', alice: { nat: 'symmetric' } },
  { title: 'one NAT that bends packets back', alice: { nat: 'symmetric', hairpin: true } },
  { title: 'IPv6 only', alice: { nat: 'firewall', v6Only: true }, bob: { nat: 'firewall', v6Only: true } },
  {
    title: 'behind a carrier’s NAT and a home’s',
    alice: { nat: 'port-restricted', lan: '100.64.7.0/24' },
    bob: { nat: 'port-restricted' },
    isTwiceBehind: true,
  },
]

/** Two that never spoke: the first packet goes by relay, and the stream moves to the direct path. */
export const freshPairs: readonly Scenario[] = PLACES.map((places) => ({
  name: 'upgrade',
  async measure() {
    using lab = await Lab.create()
    return await reporting(lab, async () => {
      const [alice, bob] = await pairIn(lab, places)
      const stream = new Stream(alice, bob)
      const first = await stream.first()
      await sleep(SETTLING_MS)
      await stream.flows()
      const { lost, longestGap } = await stream.stop()
      const path = await pathTo(alice, bob)
      if (path?.kind !== 'direct' || path.since === undefined)
        throw new Error(`${places.title}: the path is ${path?.kind}, not direct`)
      const directAfter = Date.parse(path.since) - stream.begun
      const title = `fresh pair, ${places.title}`
      return [
        { name: `${title}: first answer`, unit: 'ms', value: first, aim: FIRST_AIM_MS },
        { name: `${title}: direct after`, unit: 'ms', value: directAfter, aim: DIRECT_AIM_MS },
        { name: `${title}: lost`, unit: 'packets', value: lost, aim: 0 },
        { name: `${title}: longest gap`, unit: 'ms', value: longestGap },
      ] as const satisfies readonly Figure[]
    })
  },
}))

async function pairIn(lab: Lab, { alice, bob, isTwiceBehind }: Places): Promise<readonly [MeshNode, MeshNode]> {
  const internet = await Internet.create(lab)
  const mesh = await LabMesh.serve(await internet.host('dora'))
  const outer = await internet.site('left', alice)
  const left = isTwiceBehind ? await internet.site('home', { nat: 'port-restricted', behind: outer }) : outer
  const right = bob === undefined ? left : await internet.site('right', bob)
  const [a, b] = await mesh.joinAll(await left.host('alice'), await right.host('bob'))
  return [a, b]
}
