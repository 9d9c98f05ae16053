import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type IpAddress, toBase64 } from '@weft/base'
import fc from 'fast-check'
import {
  type FromCoordinator,
  type Method,
  type NetmapRecord,
  type Params,
  parseResult,
  type Result,
  readFromCoordinator,
  readFromNode,
  requestIdOf,
} from '../src/index.ts'
import { chain, change, crypto, keyOf, netmap, nodeIdNumber, peer, record } from './fixture.ts'

const certificate = toBase64(new Uint8Array(160))
const linkKey = keyOf('link').publicKey(crypto)

const params: { readonly [M in Method]: Params<M> } = {
  'open-link': { linkKey },
  join: { record, certificate, hostName: "Alice's Laptop" },
  subscribe: { node: nodeIdNumber(1), epoch: 'first', number: 3 },
  'bring-back': { record, chain, name: 'laptop', address4: peer(1).address4 },
  publish: { endpoints: peer(1).endpoints, record },
  'link-create': { reusable: true, expiresSeconds: 3600, tags: ['lab'] },
  'link-place': {},
  'link-deposit': { certificate, reusable: true },
  'link-list': {},
  'link-revoke': { id: 'abc-123' },
  rename: { device: 'laptop.weft', name: 'Bücher' },
  remove: { device: '100.96.64.2' },
  revoke: { revocations: [toBase64(new Uint8Array(300))] },
  'name-add': { name: 'git.weft', type: 'A', value: '192.0.2.1' },
  'name-list': {},
  'name-remove': { name: 'git.weft', value: '192.0.2.1' },
  'relay-add': { places: ['https://relay.example.org', 'http://[2001:db8::1]:7480'] },
  'relay-list': {},
  'relay-remove': { relay: '00112233' },
}

const someRecords: readonly NetmapRecord[] = [
  { name: 'git', type: 'A', value: peer(1).address4 },
  { name: 'a.b', type: 'AAAA', value: '2001:db8::1' as IpAddress },
  { name: 'www', type: 'CNAME', value: 'example.com' },
  { name: '_acme-challenge.www', type: 'TXT', value: 'any text: ü' },
]

const results: { readonly [M in Method]: Result<M> } = {
  'open-link': { account: certificate, link: certificate },
  join: { chain, name: 'laptop', address4: peer(1).address4, id: nodeIdNumber(1) },
  subscribe: {},
  'bring-back': {},
  publish: {},
  'link-create': { id: 'abc', link: 'weft://AAAA', expires: '2026-11-24T21:05:00.000Z', reusable: false },
  'link-place': {
    account: nodeIdNumber(5) as never,
    coordinatorKey: keyOf('coordinator').publicKey(crypto),
    endpoints: ['192.0.2.1:7480', '[2001:db8::1]:7480', 'https://weft.example'],
  },
  'link-deposit': { id: 'abc', expires: '2026-11-24T21:05:00.000Z', reusable: true },
  'link-list': {
    links: [{ id: 'abc', expires: '2026-11-24T21:05:00Z', reusable: true, uses: 3, state: 'open', tags: ['lab'] }],
  },
  'link-revoke': {},
  rename: { id: nodeIdNumber(1), name: 'xn--bcher-kva', before: 'laptop' },
  remove: { id: nodeIdNumber(1), name: 'laptop' },
  revoke: {},
  'name-add': { record: { name: 'www', type: 'CNAME', value: 'example.com' } },
  'name-list': { domain: 'weft', records: someRecords },
  'name-remove': { records: someRecords },
  'relay-add': {
    relay: {
      id: nodeIdNumber(9),
      places: ['https://relay.example.org'],
      stunPort: 3478,
      state: 'connected',
      rttMs: 12.5,
    },
  },
  'relay-list': {
    mesh: netmap(1, []).mesh.id,
    coordinatorKey: keyOf('coordinator').publicKey(crypto),
    relays: [
      { id: nodeIdNumber(9), places: ['http://192.0.2.1:7480'], state: 'away', reason: 'nothing listens there' },
    ],
  },
  'relay-remove': { id: nodeIdNumber(9), places: ['http://192.0.2.1:7480'] },
}

const methods = Object.keys(params) as Method[]
const request = (method: Method, id = 1) => ({ type: 'request', id, method, params: params[method] })

const bigNetmap = netmap(7, [peer(1), peer(2)], {
  grants: [
    { reason: 'own devices', account: nodeIdNumber(5) as never, protocol: 'any' },
    { reason: 'ssh', account: nodeIdNumber(5) as never, protocol: 'tcp', ports: { first: 22, last: 22 } },
  ],
})

const fromCoordinator: readonly FromCoordinator[] = [
  bigNetmap,
  change(7, 8),
  change(7, 8, { self: bigNetmap.self, upsert: [peer(3)], remove: [nodeIdNumber(1)], grants: bigNetmap.grants }),
  { ...bigNetmap, records: someRecords },
  change(7, 8, { records: someRecords }),
  { ...bigNetmap, revocations: [toBase64(new Uint8Array(300))] },
  change(7, 8, { revocations: [toBase64(new Uint8Array(300))] }),
  { type: 'removed', revocation: toBase64(new Uint8Array(300)) },
  { type: 'answer', id: 4, result: { any: 'thing' } },
  { type: 'answer', id: 4, error: { code: 'link-used', message: 'this link was used: ask for a new one' } },
  { type: 'pong' },
]

test('every message is read as it was written', () => {
  for (const method of methods) {
    assert.deepEqual(readFromNode(JSON.stringify(request(method))), request(method))
    assert.deepEqual(parseResult(method, JSON.parse(JSON.stringify(results[method]))), results[method])
  }
  assert.deepEqual(readFromNode('{"type":"ping"}'), { type: 'ping' })
  for (const message of fromCoordinator) {
    assert.deepEqual(readFromCoordinator(JSON.stringify(message)), message)
  }
})

test('an unknown field anywhere is refused', () => {
  for (const method of methods) {
    for (const text of withExtraField(request(method))) assert.equal(readFromNode(text), undefined, text)
    for (const text of withExtraField(results[method])) {
      assert.equal(parseResult(method, JSON.parse(text)), undefined, `${method} ${text.slice(0, 80)}`)
    }
  }
  for (const message of fromCoordinator) {
    // A result is looked into by its method only.
    const texts = [...withExtraField(message)].filter((text) => !text.includes('"result":{"extra"'))
    for (const text of texts) assert.equal(readFromCoordinator(text), undefined, text.slice(0, 200))
  }
})

test('a missing field is refused, but those that may be missing', () => {
  const optional = /"(?:ports|self|grants|record)"/
  for (const message of fromCoordinator) {
    if (message.type !== 'netmap') continue
    for (const { text, field } of withoutField(message)) {
      const isRead = readFromCoordinator(text) !== undefined
      assert.equal(isRead, ['ports', 'records', 'revocations'].includes(field), field)
    }
  }
  for (const method of methods) {
    for (const { text, field } of withoutField(request(method))) {
      const mayMiss =
        (method === 'publish' && optional.test(`"${field}"`)) || (method === 'name-remove' && field === 'value')
      assert.equal(readFromNode(text) !== undefined, mayMiss, `${method} ${field}`)
    }
  }
})

test('epoch and number of what is held go together', () => {
  const node = nodeIdNumber(1)
  const read = (held: object) => readFromNode(JSON.stringify({ ...request('subscribe'), params: { node, ...held } }))
  assert.ok(read({}))
  assert.ok(read({ epoch: 'a', number: 0 }))
  assert.equal(read({ epoch: 'a' }), undefined)
  assert.equal(read({ number: 1 }), undefined)
})

test('values out of their bounds, or not in their one form, are refused', () => {
  const wrong: readonly (readonly [Method, string, readonly unknown[]])[] = [
    ['open-link', 'linkKey', ['', `${linkKey}=`, linkKey.slice(4), `${linkKey.slice(0, -2)}B=`, 5, null]],
    ['join', 'record', [toBase64(new Uint8Array(1384)), toBase64(new Uint8Array(1386)), `${record} `, '']],
    ['join', 'certificate', ['', toBase64(new Uint8Array(700))]],
    ['join', 'hostName', ['a\nb', 'a\u001b[2J', 'a\u0000', 'x'.repeat(256), 'a\u2028b']],
    ['subscribe', 'node', ['', 'A'.repeat(32), 'a'.repeat(31), 'a'.repeat(33)]],
    ['subscribe', 'number', [-1, 1.5, 2 ** 53, '1']],
    [
      'publish',
      'endpoints',
      [
        ['192.0.2.1'],
        ['192.0.2.1:0'],
        ['192.0.2.01:1'],
        ['[::ffff:192.0.2.1]:1'],
        ['[2001:DB8::1]:1'],
        new Array(33).fill('192.0.2.1:1'),
      ],
    ],
    ['link-create', 'expiresSeconds', [0, -1, 1.5, 315_360_001]],
    ['link-deposit', 'certificate', ['', 'A', toBase64(new Uint8Array(10_000))]],
    ['link-deposit', 'reusable', [1, 'yes']],
    ['link-create', 'tags', [['A'], [''], new Array(17).fill('a')]],
    ['link-revoke', 'id', ['', 'a'.repeat(65), '../x']],
  ]
  for (const [method, field, values] of wrong) {
    for (const value of values) {
      const text = JSON.stringify({ ...request(method), params: { ...params[method], [field]: value } })
      assert.equal(readFromNode(text), undefined, `${method} ${field} ${JSON.stringify(value).slice(0, 60)}`)
    }
  }
  for (const id of [-1, 0.5, 2 ** 53, '1']) {
    assert.equal(readFromNode(JSON.stringify({ ...request('link-list'), id })), undefined)
  }
})

test('a netmap with something wrong in it is refused whole', () => {
  const good = peer(1)
  const peers = [
    { ...good, name: 'Upper' },
    { ...good, name: '-a' },
    { ...good, name: '' },
    { ...good, owner: 'a\u001b[31m' },
    { ...good, address4: '2001:db8::1' },
    { ...good, address4: '100.64.0.01' },
    { ...good, endpoints: new Array(33).fill('192.0.2.1:1') },
    { ...good, online: 'yes' },
    { ...good, chain: toBase64(new Uint8Array(4097)) },
    { ...good, id: 'x' },
  ]
  for (const wrong of peers) {
    assert.equal(readFromCoordinator(JSON.stringify({ ...netmap(1), peers: [peer(2), wrong] })), undefined)
    assert.equal(readFromCoordinator(JSON.stringify(change(1, 2, { upsert: [peer(2), wrong as never] }))), undefined)
  }
  const account = nodeIdNumber(5)
  for (const grant of [
    { reason: 'r', account, protocol: 'sctp' },
    { reason: 'r', account, protocol: 'icmp', ports: { first: 1, last: 2 } },
    { reason: 'r', account, protocol: 'tcp', ports: { first: 3, last: 2 } },
    { reason: 'r', account, protocol: 'tcp', ports: { first: 0, last: 2 } },
    { reason: 'r', account, protocol: 'tcp', ports: { first: 1, last: 65536 } },
    { reason: 'r\n', account, protocol: 'any' },
  ]) {
    assert.equal(readFromCoordinator(JSON.stringify({ ...netmap(1), grants: [grant] })), undefined)
  }
  const { mesh } = netmap(1)
  for (const range of ['100.64.0.1/18', '::/0', '100.64.0.0']) {
    assert.equal(readFromCoordinator(JSON.stringify({ ...netmap(1), mesh: { ...mesh, range } })), undefined)
  }
})

test('a peer that is there twice, or set and removed at once, is refused', () => {
  assert.equal(readFromCoordinator(JSON.stringify(netmap(1, [peer(1), peer(1)]))), undefined)
  assert.equal(readFromCoordinator(JSON.stringify(change(1, 2, { upsert: [peer(1), peer(1)] }))), undefined)
  const id = nodeIdNumber(1)
  assert.equal(readFromCoordinator(JSON.stringify(change(1, 2, { upsert: [peer(1)], remove: [id] }))), undefined)
  assert.equal(readFromCoordinator(JSON.stringify(change(1, 2, { remove: [id, id] }))), undefined)
})

test('a change does not lead backwards', () => {
  assert.equal(readFromCoordinator(JSON.stringify(change(3, 2))), undefined)
  assert.ok(readFromCoordinator(JSON.stringify(change(3, 3))))
})

test('what came is frozen', () => {
  const read = readFromCoordinator(JSON.stringify(bigNetmap))
  assert.ok(read?.type === 'netmap')
  assert.throws(() => (read.peers as unknown[]).push(1), TypeError)
  assert.ok(Object.isFrozen(read) && Object.isFrozen(read.peers[0]) && Object.isFrozen(read.peers[0]?.endpoints))
})

test('a request that cannot be read can be answered by its number', () => {
  assert.equal(requestIdOf('{"type":"request","id":7,"method":"fly","params":{}}'), 7)
  for (const text of ['', 'null', '[]', '{"type":"ping","id":7}', '{"type":"request","id":-1}', '{"type":"request"}']) {
    assert.equal(requestIdOf(text), undefined)
  }
})

test('no text makes the readers throw', () => {
  const mutated = fc
    .tuple(fc.constantFrom(...fromCoordinator.map((m) => JSON.stringify(m))), fc.nat(), fc.string({ maxLength: 3 }))
    .map(([text, at, insert]) => `${text.slice(0, at % text.length)}${insert}${text.slice((at % text.length) + 1)}`)
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), mutated), (text) => {
      readFromNode(text)
      readFromCoordinator(text)
      requestIdOf(text)
    }),
    { numRuns: 300 },
  )
})

test('__proto__ in a message is an unknown field, or data', () => {
  assert.equal(readFromNode('{"type":"ping","__proto__":{"a":1}}'), undefined)
  const read = readFromCoordinator('{"type":"answer","id":1,"result":{"__proto__":{"polluted":1}}}')
  assert.equal((read as { polluted?: number } | undefined)?.polluted, undefined)
  assert.equal(({} as { polluted?: number }).polluted, undefined)
})

/** All texts of the value with one field more in one of its objects. */
function* withExtraField(value: unknown): Generator<string> {
  const text = JSON.stringify(value)
  for (let at = text.indexOf('{'); at >= 0; at = text.indexOf('{', at + 1)) {
    const rest = text.slice(at + 1)
    yield `${text.slice(0, at + 1)}"extra":1${rest.startsWith('}') ? '' : ','}${rest}`
  }
}

/** All texts of the value without one of the fields of its objects. */
function* withoutField(value: object): Generator<{ text: string; field: string }> {
  for (const path of fieldPaths(value)) {
    const copy = structuredClone(value)
    let owner = copy as Record<string, unknown>
    for (const step of path.slice(0, -1)) owner = owner[step] as Record<string, unknown>
    const field = path.at(-1) ?? ''
    delete owner[field]
    yield { text: JSON.stringify(copy), field }
  }
}

function fieldPaths(value: unknown): string[][] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([field, inner]) => {
    const deeper = fieldPaths(inner).map((path) => [field, ...path])
    return Array.isArray(value) ? deeper : [[field], ...deeper]
  })
}
