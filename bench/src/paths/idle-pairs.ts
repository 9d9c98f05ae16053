import { setTimeout as sleep } from 'node:timers/promises'
import { endsUp, Internet, Lab, LabMesh, type Machine, type MeshNode, pathTo, reporting, Stream } from '@weft/lab'
import type { Figure } from './figure.ts'

const FIRST_AIM_MS = 300
const STREAM_MS = 3_000
const NAT = 'port-restricted'

/** Pairs with a direct path, as many as rounds, that all say nothing for so long at the same time; then one after the other begins again. */
export async function idlePairs(rounds: number, seconds: number): Promise<readonly Figure[]> {
  using lab = await Lab.create()
  return await reporting(lab, async () => {
    const internet = await Internet.create(lab)
    const mesh = await LabMesh.serve(await internet.host('dora'))
    const pairs: (readonly [MeshNode, MeshNode])[] = []
    for (let round = 0; round < rounds; round++) pairs.push(await directPair(internet, mesh, round))
    const before = await Promise.all(pairs.map(([{ machine }]) => sentBy(machine)))
    console.log(`${rounds} pairs say nothing for ${seconds} s from ${new Date().toLocaleTimeString()}`)
    await sleep(seconds * 1000)
    const after = await Promise.all(pairs.map(([{ machine }]) => sentBy(machine)))
    const sent = (what: keyof Sent, i: number) => (after[i]?.[what] ?? Number.NaN) - (before[i]?.[what] ?? Number.NaN)
    const title = `after ${seconds} s of idling`
    const figures: Figure[] = []
    for (const [i, pair] of pairs.entries()) {
      figures.push(
        ...(await beginAgain(pair, title)),
        { name: `${title}: datagrams sent meanwhile`, unit: 'packets', value: sent('datagrams', i) },
        { name: `${title}: all packets sent meanwhile`, unit: 'packets', value: sent('packets', i) },
      )
    }
    return figures
  })
}

async function directPair(internet: Internet, mesh: LabMesh, round: number): Promise<readonly [MeshNode, MeshNode]> {
  const hosts: Machine[] = []
  for (const side of ['a', 'b'])
    hosts.push(await (await internet.site(`${side}${round}`, { nat: NAT })).host(`${side}${round}h`))
  const [a, b] = hosts
  if (a === undefined || b === undefined) throw new Error('two hosts were made')
  const pair = await mesh.joinAll(a, b)
  await endsUp(pair[0], pair[1], 'direct')
  return pair
}

async function beginAgain([a, b]: readonly [MeshNode, MeshNode], title: string): Promise<readonly Figure[]> {
  const stream = new Stream(a, b)
  const first = await stream.first()
  await sleep(STREAM_MS)
  await stream.flows()
  const { lost, longestGap } = await stream.stop()
  const path = await pathTo(a, b)
  if (path?.kind !== 'direct') throw new Error(`${title}, the path is ${path?.kind}`)
  const directAt = Date.parse(path.since ?? '')
  return [
    { name: `${title}: first answer`, unit: 'ms', value: first, aim: FIRST_AIM_MS },
    {
      name: `${title}: direct again after, 0 where it stayed so`,
      unit: 'ms',
      value: Math.max(0, directAt - stream.begun),
    },
    { name: `${title}: longest gap`, unit: 'ms', value: longestGap },
    { name: `${title}: lost`, unit: 'packets', value: lost, aim: 0 },
  ]
}

interface Sent {
  readonly datagrams: number
  readonly packets: number
}

/** By the kernel's counters: datagrams by IPv4, which is all that these sites have, and whatever left the interface. */
async function sentBy(machine: Machine): Promise<Sent> {
  const [snmp, devices] = [await machine.ok('cat', '/proc/net/snmp'), await machine.ok('cat', '/proc/net/dev')]
  const [, datagrams] = /^Udp: \d+ \d+ \d+ (\d+)/m.exec(snmp) ?? []
  const [, packets] = /^ *eth0:(?: +\d+){9} +(\d+)/m.exec(devices) ?? []
  return { datagrams: Number(datagrams), packets: Number(packets) }
}
