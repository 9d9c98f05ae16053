import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import type { AgentStatus, PeerStatus } from '../../src/agent-answers.ts'
import { screenOf } from '../../src/status-watch.ts'
import { statusLines } from '../../src/verbs/status.ts'

const NOW = Date.parse('2030-01-01T00:01:00Z')

test('status shows this device, the coordinator and a row for each peer', () => {
  assert.deepEqual(
    lines(status([laptop, nas])),
    [
      'desktop  100.64.1.1  fd00::1',
      'coordinator  http://192.0.2.1:7480  connected',
      '',
      'PEER    ADDRESS     PATH                   RTT       RX       TX  HANDSHAKE',
      'laptop  100.64.1.2  direct 192.0.2.7:7481  0.81 ms  1.5 KiB  23 MiB  20 s ago',
      'nas     100.64.1.3  offline                -      0 B      0 B  never',
    ].map(squeezed),
  )
})

test('status shows the relay, with why it is away, and why a path is relayed', () => {
  const relay: AgentStatus['relay'] = {
    home: 'abcdef0123',
    state: 'connected',
    relays: [{ id: 'abcdef0123', state: 'connected', rttMs: 12 }],
  }
  const relayed = {
    ...laptop,
    path: { kind: 'relayed', relay: 'abcdef0123', why: 'no direct path was found' },
  } as const
  const shown = lines({ ...status([relayed]), relay })
  assert.equal(shown[2], 'relay  abcdef01  connected  12.0 ms')
  assert.match(shown.at(-1) ?? '', /relayed: no direct path was found/)
  const away: AgentStatus['relay'] = {
    home: null,
    state: 'away',
    relays: [{ id: 'abcdef0123', state: 'away', reason: 'nothing listens there' }],
  }
  assert.equal(lines({ ...status([]), relay: away })[2], 'relay  abcdef01  away  (nothing listens there)')
})

test('status says by which way this machine finds names, and why by none', () => {
  const namesLine = (names: Omit<NonNullable<AgentStatus['names']>, 'resolvers'> | null) =>
    lines({ ...status([]), names: names && { ...names, resolvers: [] } }).find((line) => /^names/.test(line))
  for (const way of ['systemd-resolved', 'networkmanager', 'openresolv', 'resolv.conf'] as const)
    assert.equal(namesLine({ domain: 'weft', way }), `names  *.weft  by ${way}`)
  assert.equal(
    namesLine({ domain: 'weft', way: 'none', reason: 'the agent runs with --no-dns' }),
    'names  *.weft  not set up  (the agent runs with --no-dns)',
  )
  assert.equal(namesLine({ domain: 'weft', way: 'none', reason: 'a\nb' })?.includes('\n'), false)
  assert.equal(namesLine(null), undefined)
})

test('a narrow terminal gets the columns that it has room for, and no line that wraps', () => {
  const far = { ...laptop, path: { ...laptop.path, endpoint: '[2001:db8:1234:5678:9abc:def0:1234:5678]:7481' } }
  for (const columns of [120, 100, 80, 60, 40]) {
    const table = statusLines(status([far]), { now: NOW, columns }).slice(3)
    for (const line of table) assert.ok(stripVTControlCharacters(line).length <= columns, `${columns}: ${line}`)
    assert.match(table.join(), /laptop +100\.64\.1\.2 +direct/)
  }
})

test('a long name loses its middle before a line wraps, and all other lines go on below', () => {
  const long = { ...laptop, name: `${'very-'.repeat(11)}long-2` }
  const coordinator = {
    url: 'http://192.0.2.1:7480',
    state: 'away',
    reason: 'nothing listens there, and so on '.repeat(4),
  } as const
  for (const columns of [120, 100, 80, 60, 40]) {
    const shown = statusLines({ ...status([long, nas]), coordinator }, { now: NOW, columns })
    for (const line of shown) assert.ok(stripVTControlCharacters(line).length <= columns, `${columns}: ${line}`)
    assert.match(shown.join('\n'), /very\S*-2 +100\.64\.1\.2 +direct/)
  }
})

test('one path that is long to tell does not hide the others', () => {
  const relayed = {
    ...nas,
    online: true,
    path: { kind: 'relayed', relay: 'r', why: `both sides are behind hard NATs${', it seems'.repeat(5)}` },
  } as const
  const shown = statusLines(status([laptop, relayed, { ...nas, name: 'tv', online: true }]), { now: NOW, columns: 120 })
  assert.match(shown.join('\n'), /direct 192\.0\.2\.7:7481 [\s\S]*relayed: both .*… [\s\S]*no path/)
})

test('names are shown in their own letters, but not one that could deceive', () => {
  const text = lines(
    status([
      { ...laptop, name: 'xn--bro-hoa' },
      { ...nas, name: 'xn--80ak6aa92e' },
    ]),
  ).join('\n')
  assert.match(text, /^büro /m)
  assert.match(text, /^xn--80ak6aa92e /m)
})

test('a screen has as many lines as the terminal, and says what it left out', () => {
  assert.equal(screenOf(['a', 'b'], 3), '\u001b[Ha\u001b[K\nb\u001b[K\n\u001b[J')
  assert.match(screenOf(['a', 'b', 'c', 'd'], 4), /^\S*a\S*\nb\S*\n… 2 more; .*\n\S*$/)
})

test('without peers it says how to let one in', () => {
  assert.match(lines(status([])).at(-1) ?? '', /weft link create/)
})

test('new keys that the coordinator was not told of are said to wait', () => {
  assert.match(lines({ ...status([]), rotation: 'waiting' })[2] ?? '', /^keys {2}new ones wait.* old ones .*by itself/)
  assert.equal(lines({ ...status([]), rotation: 'none' })[2], '')
})

test('where there is no room for more pins it says what that means', () => {
  assert.match(lines({ ...status([]), hasRoomForPins: false })[2] ?? '', /^pins {2}full: /)
  assert.equal(lines({ ...status([]), hasRoomForPins: true })[2], '')
})

test('where the coordinator took the last peers away it says so', () => {
  const coordinator = { url: 'u', state: 'connected', removed: { peers: 2, at: '2030-01-01T00:00:55Z' } } as const
  assert.equal(lines({ ...status([]), coordinator }).at(-1), 'No peers: the coordinator took 2 away 5 s ago')
})

test('a device without a mesh says how to join one', () => {
  const nothing: AgentStatus = { ...status([]), state: 'not-joined', self: null, coordinator: null }
  assert.match(lines(nothing).join(), /sudo weft up LINK/)
})

test('a device that the coordinator names and that did not prove itself is shown with what happened', () => {
  const refused = [{ id: 'abcdef0123456789', name: 'evil', reason: 'record-superseded' }]
  const text = lines({ ...status([laptop]), refused }).join('\n')
  assert.match(text, /refused {2}evil \(abcdef01\) {2}.*an old record was brought back/)
})

test('what moved to another device is shown with whose it was, who claims it and what to type', () => {
  const holder = { id: '77aa11bb22cc33dd', name: null, seen: '2029-12-29T00:01:00.000Z' }
  const moved = [
    { id: 'abcdef0123456789', name: 'nas', owner: 'me', kind: 'name', value: 'nas', holder },
    {
      id: 'abcdef0123456789',
      name: 'nas',
      owner: 'me',
      kind: 'address',
      value: '100.64.1.3',
      holder: { ...holder, name: 'attic' },
    },
  ] as const
  const shown = lines({ ...status([{ ...nas, nameWithheld: true }]), moved })
  assert.deepEqual(shown.slice(2, 4), [
    'moved  name nas was 77aa11bb (last seen 3 d ago), and is claimed by abcdef01, a device of me; if that is right: sudo weft trust nas',
    'moved  address 100.64.1.3 was 77aa11bb (attic now), and is claimed by abcdef01, a device of me; if that is right: sudo weft trust nas',
  ])
  assert.match(shown.at(-1) ?? '', /^nas \(name withheld\)/)
})

test('a peer that was revoked, and one too many, are shown with what happened', () => {
  const refused = ['revoked', 'too-many-peers'].map((reason) => ({ id: 'abcdef0123456789', name: 'nas', reason }))
  const text = lines({ ...status([laptop]), refused }).join('\n')
  assert.match(text, /removed from the mesh/)
  assert.match(text, /as many peers as it can/)
})

test('a device that was removed from the mesh says so, and how it joins again', () => {
  const text = lines({ ...status([]), state: 'removed' })
  assert.match(text.join(' '), /was removed from the mesh.*new link: sudo weft up LINK/)
  assert.equal(text.length, 2)
})

test('a netmap that is refused is told beside the coordinator', () => {
  const coordinator = { url: '', state: 'connected', reason: 'its netmap is refused' } as const
  assert.match(lines({ ...status([]), coordinator }).join('\n'), /connected {2}\(its netmap is refused\)/)
})

test('a device that is down says so, and nothing of what it does not know then', () => {
  const [self, ...more] = lines({ ...status([]), state: 'down' })
  assert.match(self ?? '', /\(down; sudo weft up/)
  assert.deepEqual(more, [])
})

test('a name of others cannot move the cursor', () => {
  const text = lines(status([{ ...laptop, name: 'lap\u001b[2Jtop' }])).join('')
  assert.match(text, /lap \[2Jtop/)
})

const laptop: PeerStatus = {
  id: 'a',
  name: 'laptop',
  nameWithheld: false,
  owner: 'me',
  addresses: ['100.64.1.2', 'fd00::2'],
  online: true,
  path: { kind: 'direct', endpoint: '192.0.2.7:7481', rttMs: 0.81 },
  rxBytes: 1536,
  txBytes: 23 * 2 ** 20,
  lastHandshake: '2030-01-01T00:00:40.000Z',
  permissions: { incoming: [] },
}

const nas: PeerStatus = {
  ...laptop,
  name: 'nas',
  addresses: ['100.64.1.3'],
  online: false,
  path: { kind: 'none' },
  rxBytes: 0,
  txBytes: 0,
  lastHandshake: null,
}

function status(peers: readonly PeerStatus[]): AgentStatus {
  return {
    state: 'up',
    self: { id: 'i', name: 'desktop', mesh: 'm', addresses: ['100.64.1.1', 'fd00::1'] },
    coordinator: { url: 'http://192.0.2.1:7480', state: 'connected' },
    holdsRoot: false,
    rotation: 'none',
    network: null,
    relay: { home: null, state: 'none', relays: [] },
    names: null,
    peers,
    refused: [],
    moved: [],
    hasRoomForPins: true,
    dropped: {},
    refusedRequests: {},
  }
}

const lines = (answer: AgentStatus): readonly string[] =>
  statusLines(answer, { now: NOW }).map((line) => squeezed(stripVTControlCharacters(line)))

/** How many spaces lie between two columns is the table's test. */
const squeezed = (line: string): string => line.replaceAll(/ {2,}/g, '  ')
