import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { type Endpoint, type IpAddress, type Prefix, silentLogger, toBase64, wallTime } from '@weft/base'
import type { Netmap } from '@weft/coordinator-protocol'
import { nativeCrypto as crypto } from '@weft/crypto'
import { PortableDatapath } from '@weft/datapath'
import { createCertificate, createRecord, createRevocation, encodeChain, generateNodeKeys } from '@weft/identity'
import { type KeyRole, meshIdOf, nodeIdOf, PrivateKey } from '@weft/keys'
import { systemClock } from '@weft/linux'
import { NO_PINS, Node } from '@weft/node'
import { StateError } from '@weft/state'
import { fuzz, mutateJson, seededRandom } from '@weft/testing'
import { AgentError } from '../src/agent-error.ts'
import { AgentState, type MembershipOnDisk } from '../src/agent-state.ts'

const random = seededRandom(1)
const keyOf = <Role extends KeyRole>(role: Role) => PrivateKey.generate(role, random)
const [root, account, link, coordinator] = [keyOf('root'), keyOf('account'), keyOf('link'), keyOf('coordinator')]
const keys = generateNodeKeys(random)
const mesh = meshIdOf(root.publicKey(crypto), crypto)
const id = nodeIdOf(keys.identity.publicKey(crypto), crypto)
const times = { notBefore: 1_700_000_000, notAfter: 4_000_000_000, tags: [] }
const grants = { ...times, grantsUntil: 4_000_000_000 }
const chain = encodeChain([
  createCertificate({ kind: 'account', subject: account.publicKey(crypto), ...grants }, root, crypto),
  createCertificate({ kind: 'link', subject: link.publicKey(crypto), ...grants }, account, crypto),
  createCertificate(
    { kind: 'device', subject: keys.identity.publicKey(crypto), ...times, grantsUntil: 0 },
    link,
    crypto,
  ),
])

const membership: MembershipOnDisk = {
  mesh,
  id,
  name: 'alice',
  link: link.publicKey(crypto),
  keys,
  sequence: 1,
  record: createRecord(keys, 1, crypto),
  chain,
  known: [],
  pins: NO_PINS,
  coordinatorKey: coordinator.publicKey(crypto),
  endpoints: [
    { kind: 'endpoint', endpoint: '192.0.2.1:7480' as Endpoint },
    { kind: 'url', url: 'https://weft.example' },
  ],
}

const netmap: Netmap = {
  type: 'netmap',
  epoch: 'e',
  number: 3,
  mesh: { id: mesh, rootKey: root.publicKey(crypto), domain: 'weft', range: '100.80.0.0/18' as Prefix },
  self: { id, name: 'alice', owner: 'ann', address4: '100.80.0.1' as IpAddress },
  peers: [
    {
      id: 'b'.repeat(32) as never,
      name: 'bob',
      owner: 'ann',
      address4: '100.80.0.2' as IpAddress,
      record: toBase64(membership.record),
      chain: toBase64(chain),
      endpoints: ['192.0.2.2:7481' as Endpoint],
      online: true,
    },
  ],
  grants: [],
}

const revocation = createRevocation(
  { revoked: keyOf('identity').publicKey(crypto), signedAt: times.notBefore, keptUntil: times.notAfter },
  { key: root },
  crypto,
)

const [bob] = netmap.peers
const change = {
  type: 'change',
  epoch: 'e',
  upsert: bob === undefined ? [] : [{ ...bob, name: 'robert' }],
  remove: [],
} as const

/** The state of an agent that has joined, and the text of each of its files. */
function writeState(directory: string): ReadonlyMap<string, string> {
  using state = new AgentState(directory, silentLogger)
  state.saveJoinKeys(mesh, { link: link.publicKey(crypto), keys })
  const next = { ...generateNodeKeys(random), identity: keys.identity, sequence: 1_700_000_000 }
  const former = { node: keys.node, probe: keys.probe, until: wallTime(1_700_000_000_000) }
  state.saveKeys(mesh, { link: link.publicKey(crypto), keys, sequence: 2, next, former })
  state.saveMembership(membership)
  state.saveNetmap(mesh, netmap, [{ id, sequence: 1, digest: 'a'.repeat(64) }])
  state.savePins(mesh, {
    names: [{ value: 'bob', id, seen: wallTime(1_700_000_000_000) }],
    addresses: [{ value: '100.80.0.2', id, seen: wallTime(1_700_000_000_000) }],
  })
  for (const number of [4, 5])
    state.addNetmapChange(mesh, { ...change, from: number - 1, number }, { isDurable: number === 4 })
  state.saveTimestamp(mesh, wallTime(1_700_000_000_000))
  state.saveRevocations(mesh, [revocation])
  state.savePort(7481)
  const folder = join(directory, 'meshes', mesh)
  const paths = [join(directory, 'agent.json'), ...readdirSync(folder).map((name) => join(folder, name))]
  return new Map(paths.map((path) => [path, readFileSync(path, 'utf8')]))
}

/** The file of keys as another device of the mesh has it: whole, and not of this membership. */
function foreignKeys(): string {
  const directory = mkdtempSync(join(tmpdir(), 'weft-state-'))
  try {
    using state = new AgentState(directory, silentLogger)
    state.saveJoinKeys(mesh, { link: link.publicKey(crypto), keys: generateNodeKeys(random) })
    const path = `/meshes/${mesh}/keys.json`
    return `${path}\n${readFileSync(join(directory, path), 'utf8')}`
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** As an agent does at its start, down to a node that is ready to run. */
function startFrom(directory: string): void {
  using state = new AgentState(directory, silentLogger)
  const memberships = state.readMemberships()
  for (const { keys: _keys, record, ...rest } of memberships) assert.ok(record.length > 0 && rest.endpoints.length > 0)
  const node = new Node({ crypto, random, meters: new PortableDatapath({ crypto }) })
  for (const each of memberships) node.handle({ kind: 'membership-added', membership: each }, systemClock())
  node.handle({ kind: 'start', port: state.port ?? 7481 }, systemClock())
}

fuzz<string>({
  name: 'a state file of the agent',
  mutate: (valid, other, draw) => {
    const [path, text] = [valid.slice(0, valid.indexOf('\n')), valid.slice(valid.indexOf('\n') + 1)]
    const [lines, others] = [linesOf(text), linesOf(other.slice(other.indexOf('\n') + 1))]
    const at = draw.below(lines.length)
    lines[at] = mutateJson(lines[at] ?? '', draw.pick(others), draw)
    return `${path}\n${lines.join('\n')}\n`
  },
  scene: () => {
    const directory = mkdtempSync(join(tmpdir(), 'weft-state-'))
    const files = writeState(directory)
    return {
      // Keys of another device are refused only as they are: twice, so that no seed goes without.
      valid: [
        ...[...files].map(([path, text]) => `${path.slice(directory.length)}\n${text}`),
        foreignKeys(),
        foreignKeys(),
      ],
      read(input) {
        const path = join(directory, input.slice(0, input.indexOf('\n')))
        const text = input.slice(input.indexOf('\n') + 1)
        writeFileSync(path, text)
        try {
          startFrom(directory)
          return takeAside(path, text) ? `${basename(path)} done without` : 'started'
        } catch (error) {
          if (error instanceof StateError && error.code === 'state-corrupt')
            assert.ok(takeAside(path, text), 'what is corrupt is kept aside as it was')
          throw error
        } finally {
          for (const [place, before] of files) writeFileSync(place, before)
        }
      },
      close: async () => rmSync(directory, { recursive: true, force: true }),
    }
  },
  refusals: [StateError, AgentError],
  reaches: [
    'started',
    'state-corrupt',
    'state-incomplete',
    'state-newer',
    'netmap.json done without',
    'timestamp.json done without',
    'trust.json done without',
    'revocations.json done without',
  ],
  sources: ['agent/src/agent-state.ts', 'agent/src/membership-schemas.ts', 'state/src/state-file.ts'],
  inputs: { short: 1_000, long: 10_000 },
})

/** Each is JSON. */
const linesOf = (text: string): string[] => text.trimEnd().split('\n')

/** Removes what was kept aside; whether there was something, which must be what was written. */
function takeAside(path: string, text: string): boolean {
  const aside = readdirSync(dirname(path)).filter((name) => name.includes('.corrupt-'))
  for (const name of aside) {
    assert.equal(readFileSync(join(dirname(path), name), 'utf8'), Buffer.from(text).toString())
    rmSync(join(dirname(path), name))
  }
  return aside.length > 0
}
