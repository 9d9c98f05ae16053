/*
 *   alice ── lan ── router ──┐
 *                            ├─ internet ── dora, the coordinator with relay and STUN
 *   bob   ── lan ── router ──┘
 */
import type { NatName } from '@weft/testing'
import {
  Internet,
  type Lab,
  LabMesh,
  type MeshNode,
  type PeerStatus,
  type Site,
  type SiteOptions,
  until,
} from '../src/index.ts'

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
