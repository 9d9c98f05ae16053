/*
 *   alice ── lan ── router ──┐
 *                            ├─ internet ── dora, the coordinator with relay and STUN
 *   bob   ── lan ── router ──┘
 */
import type { NatName } from '@weft/testing'
import { Internet, type Site, type SiteOptions } from './internet.ts'
import type { Lab } from './lab.ts'
import { LabMesh, LabRelay, type MeshNode, type PeerStatus } from './mesh.ts'
import { until } from './until.ts'

export interface TwoSites {
  readonly internet: Internet
  readonly mesh: LabMesh
  readonly alice: MeshNode
  readonly bob: MeshNode
  readonly left: Site
  readonly right: Site
}

export async function twoSites(lab: Lab, a: NatName | SiteOptions, b: NatName | SiteOptions): Promise<TwoSites> {
  const internet = await Internet.create(lab)
  const mesh = await LabMesh.serve(await internet.host('dora'))
  const [left, right] = await Promise.all(
    [a, b].map((nat, i) => internet.site(`s${i}`, typeof nat === 'string' ? { nat } : nat)),
  )
  if (left === undefined || right === undefined) throw new Error('two sites were made')
  const [alice, bob] = await mesh.joinAll(await left.host('alice'), await right.host('bob'))
  return { internet, mesh, alice, bob, left, right }
}

/** A second relay, `rita`, on the internet; both nodes are connected to both relays. */
export async function relayElsewhere({ internet, mesh, alice, bob }: TwoSites): Promise<LabRelay> {
  const relay = await LabRelay.serve(await internet.host('rita'), mesh)
  for (const node of [alice, bob])
    await until(`${node.name} is connected to both relays`, async () => {
      const { relays } = (await node.status()).relay
      return relays.filter(({ state }) => state === 'connected').length === 2
    })
  return relay
}

export async function pathKind(from: MeshNode, to: MeshNode): Promise<string> {
  return (await pathTo(from, to))?.kind ?? 'unknown'
}

export async function pathTo(from: MeshNode, to: MeshNode): Promise<PeerStatus['path'] | undefined> {
  const { peers } = await from.status()
  return peers.find(({ name }) => name === to.name)?.path
}

/** Packets flow until the path is of that kind. */
export async function endsUp(from: MeshNode, to: MeshNode, kind: string): Promise<void> {
  await until(
    `${from.name} reaches ${to.name} ${kind}`,
    async () => {
      await from.ping(to.v4)
      const seen = await pathKind(from, to)
      if (seen !== kind) throw new Error(`the path is ${seen}`)
      return true
    },
    { timeout: 30_000 },
  )
}

/** As a DHCP server would: the machine's only address is another one, and the default route comes anew. */
export async function readdress({ machine }: MeshNode, last: number): Promise<void> {
  await machine.ok(
    'sh',
    '-c',
    `ip address flush dev eth0 scope global && ip address add 192.168.1.${last}/24 dev eth0 && ip route replace default via 192.168.1.1`,
  )
}
