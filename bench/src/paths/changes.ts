import { setTimeout as sleep } from 'node:timers/promises'
import {
  endsUp,
  Lab,
  type LabRelay,
  type Machine,
  pathTo,
  readdress,
  relayElsewhere,
  reporting,
  Stream,
  type TwoSites,
  twoSites,
} from '@weft/lab'
import type { Figure } from './figure.ts'
import type { Scenario } from './scenario.ts'

interface Change {
  readonly name: string
  readonly title: string
  /** Of the longest gap, ms. */
  readonly aim?: number
  /** Of packets. */
  readonly lostAim?: number
  /** How the pair is connected before; relayed pairs have a second relay. */
  readonly from: 'direct' | 'relayed'
  readonly to: 'direct' | 'relayed'
  /** How long the stream is looked at afterwards, ms. */
  readonly watched: number
  happens(world: World): Promise<void> | void
}

const SITES = { direct: 'port-restricted', relayed: 'symmetric' } as const
/** Of a stream before something happens. */
const CALM_MS = 1_000

type World = TwoSites & { readonly rita?: LabRelay }

const CHANGES: readonly Change[] = [
  {
    name: 'cut',
    title: 'direct path cut',
    aim: 1_500,
    from: 'direct',
    to: 'relayed',
    watched: 6_000,
    happens: async ({ left }) => {
      await left.router.ok('nft', 'insert rule inet guard through meta l4proto udp drop')
    },
  },
  {
    name: 'one',
    title: 'addresses of one changed',
    aim: 1_000,
    from: 'direct',
    to: 'direct',
    watched: 6_000,
    happens: ({ alice }) => readdress(alice, 77),
  },
  {
    name: 'both',
    title: 'addresses of both changed',
    aim: 2_000,
    from: 'direct',
    to: 'direct',
    watched: 6_000,
    happens: async ({ alice, bob }) => {
      await Promise.all([readdress(alice, 88), readdress(bob, 88)])
    },
  },
  {
    name: 'coordinator',
    title: 'coordinator and only relay killed, path direct',
    lostAim: 0,
    from: 'direct',
    to: 'direct',
    watched: 15_000,
    happens: ({ mesh }) => mesh.machine.kill(),
  },
  {
    name: 'relay',
    title: 'home relay killed, path relayed',
    from: 'relayed',
    to: 'relayed',
    watched: 10_000,
    happens: async (world) => (await homeOfBob(world)).kill(),
  },
  {
    name: 'relay-silent',
    title: 'home relay off the net without a word, path relayed',
    from: 'relayed',
    to: 'relayed',
    watched: 15_000,
    happens: async (world) => (await homeOfBob(world)).setCable('down'),
  },
]

/** Something changes under a stream of packets. */
export const changes: readonly Scenario[] = CHANGES.map((change) => ({
  name: change.name,
  measure: () => measure(change),
}))

async function measure(change: Change): Promise<readonly Figure[]> {
  using lab = await Lab.create()
  return await reporting(lab, async () => {
    const world = await worldOf(lab, change.from)
    const { alice, bob } = world
    const stream = new Stream(alice, bob)
    await stream.first()
    await sleep(CALM_MS)
    await change.happens(world)
    await sleep(change.watched)
    await stream.flows()
    const { lost, longestGap } = await stream.stop()
    const path = await pathTo(alice, bob)
    if (path?.kind !== change.to) throw new Error(`${change.title}: the path is ${path?.kind}, not ${change.to}`)
    return [
      { name: `${change.title}: longest gap`, unit: 'ms', value: longestGap, aim: change.aim },
      { name: `${change.title}: lost`, unit: 'packets', value: lost, aim: change.lostAim },
    ] as const
  })
}

async function worldOf(lab: Lab, from: Change['from']): Promise<World> {
  const sites = await twoSites(lab, SITES[from], SITES[from])
  const world = from === 'relayed' ? { ...sites, rita: await relayElsewhere(sites) } : sites
  await Promise.all([endsUp(sites.alice, sites.bob, from), endsUp(sites.bob, sites.alice, from)])
  return world
}

/** Where alice reaches bob: beside the coordinator, or elsewhere. */
async function homeOfBob({ mesh, bob, rita }: World): Promise<Machine> {
  const { home } = (await bob.status()).relay
  return rita !== undefined && home === rita.id ? rita.machine : mesh.machine
}
