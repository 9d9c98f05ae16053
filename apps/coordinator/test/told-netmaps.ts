import assert from 'node:assert/strict'
import { concatBytes, type Now } from '@weft/base'
import {
  mergeNetmap,
  type Netmap,
  type NetmapChange,
  netmapParts,
  readFromCoordinator,
} from '@weft/coordinator-protocol'
import { nativeCrypto as crypto } from '@weft/crypto'
import { PortableDatapath } from '@weft/datapath'
import type { NodeId } from '@weft/keys'
import { NO_PINS, Node } from '@weft/node'
import { seededRandom } from '@weft/testing'
import { hasGivenOut, type MeshState } from '../src/mesh-state.ts'
import { NetmapFeed } from '../src/netmap-feed.ts'
import type { TestNode } from './test-node.ts'

/** Of messages: docs/protocols/channel.md. */
const VERSIONS = [1, 2, 3, 4]

/**
 * Every device of the mesh is told its netmap, of each version, also as what changed since one that it holds, and reads it with the
 * decoder of nodes; whoever is known by its keys takes it as a node does.
 */
export function everyNodeAccepts(
  state: MeshState,
  { known, held, now }: { readonly known: readonly TestNode[]; readonly held: Netmap; readonly now: Now },
): void {
  for (const id of state.devices.keys())
    for (const version of VERSIONS) {
      const netmap = told(state, id, { version, held: undefined, now })
      assert.equal(netmap.peers.length, state.devices.size - 1)
      const node = known.find((each) => each.id === id)
      if (node !== undefined && version === VERSIONS.at(-1)) nodeAccepts(node, netmap, now)
      // Another's is as good: what it says of changes is the same.
      if (hasGivenOut(state, held)) assert.equal(told(state, id, { version, held, now }).number, state.number)
    }
}

function told(
  state: MeshState,
  node: NodeId,
  { version, held, now }: { readonly version: number; readonly held: Netmap | undefined; readonly now: Now },
): Netmap {
  const feed = new NetmapFeed(state)
  feed.handle({ kind: 'subscribe', subscriber: 1, node, held, version }, now)
  let netmap = held
  for (let output = feed.poll(); output !== undefined; output = feed.poll()) {
    const message = readAsNode(output.message, version)
    netmap = message.type === 'netmap' ? message : netmap && mergeNetmap(netmap, message)
    assert.ok(netmap, 'a change leads from what is held')
  }
  assert.ok(netmap, 'whoever subscribes is told something')
  return netmap
}

function readAsNode(message: Netmap | NetmapChange, version: number): Netmap | NetmapChange {
  const whole = concatBytes(...netmapParts(message, version).map((part) => part.subarray(1)))
  const end = whole.indexOf(0)
  const text = new TextDecoder('utf-8', { fatal: true }).decode(end < 0 ? whole : whole.subarray(0, end))
  const read = readFromCoordinator(text, end < 0 ? undefined : whole.subarray(end + 1))
  assert.ok(read?.type === 'netmap' || read?.type === 'change', `nodes refuse ${text.slice(0, 4_096)}`)
  return read
}

function nodeAccepts({ keys, record, chain, link }: TestNode, netmap: Netmap, now: Now): void {
  assert.ok(chain !== undefined, 'it has joined')
  const node = new Node({ crypto, random: seededRandom(1), meters: new PortableDatapath({ crypto }) })
  const membership = { mesh: link.mesh, keys, record, chain, known: [], pins: NO_PINS }
  node.handle({ kind: 'membership-added', membership }, now)
  node.handle({ kind: 'start', port: 7481 }, now)
  node.handle({ kind: 'netmap', mesh: link.mesh, netmap }, now)
  const status = node.status(now)
  assert.equal(status?.coordinator.reason, undefined)
  assert.deepEqual(status?.refused, [])
  assert.equal(status?.peers.length, netmap.peers.length)
}
