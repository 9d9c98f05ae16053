import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '@weft/base'
import fc from 'fast-check'
import { type Request, RequestReader } from '../src/index.ts'

const KEY = '11'.repeat(32)
const OTHER = '22'.repeat(32)

test('a get and a set are read one after the other, in whatever pieces they come', () => {
  const text = `get=1\n\nset=1\nlisten_port=7\n\nset=1\npublic_key=${KEY}\nallowed_ip=10.0.0.0/8\n\n`
  fc.assert(
    fc.property(fc.array(fc.nat(text.length)), (cuts) => {
      const reader = new RequestReader()
      const requests: Request[] = []
      let from = 0
      for (const to of [...cuts.toSorted((a, b) => a - b), text.length]) {
        reader.push(utf8(text.slice(from, to)))
        from = to
        requests.push(...all(reader))
      }
      assert.deepEqual(
        requests.map(({ kind }) => kind),
        ['get', 'set', 'set'],
      )
    }),
  )
})

test('half a request does nothing', () => {
  assert.deepEqual(read(`set=1\nprivate_key=${KEY}\nlisten_port=1\n`), [])
})

test('every key is understood', () => {
  const [request] = read(
    [
      'set=1',
      `private_key=${KEY}`,
      'listen_port=51820',
      'fwmark=4294967295',
      'replace_peers=true',
      `public_key=${KEY}`,
      'update_only=true',
      `preshared_key=${OTHER}`,
      'endpoint=[2001:db8::1]:51820',
      'persistent_keepalive_interval=65535',
      'replace_allowed_ips=true',
      'allowed_ip=10.1.2.3/8',
      'allowed_ip=-fd00::1/64',
      'protocol_version=1',
      `public_key=${OTHER}`,
      'remove=true',
      '',
      '',
    ].join('\n'),
  )
  assert.ok(request?.kind === 'set')
  const { privateKey, listenPort, fwmark, replacesPeers, peers } = request.change
  assert.ok(privateKey !== undefined && privateKey !== 'none')
  assert.equal(privateKey.expose().toHex(), KEY)
  assert.deepEqual([listenPort, fwmark, replacesPeers, peers.length], [51820, 0xffff_ffff, true, 2])
  assert.deepEqual(
    { ...peers[0], presharedKey: peers[0]?.presharedKey?.toHex(), publicKey: undefined },
    {
      publicKey: undefined,
      isRemoved: false,
      updatesOnly: true,
      presharedKey: OTHER,
      endpoint: '[2001:db8::1]:51820',
      persistentKeepalive: 65535,
      replacesAllowedIps: true,
      allowedIps: [
        { prefix: '10.0.0.0/8', isRemoved: false },
        { prefix: 'fd00::/64', isRemoved: true },
      ],
    },
  )
  assert.equal(peers[1]?.isRemoved, true)
})

test('a private key of zeros takes the key away', () => {
  const [request] = read(`set=1\nprivate_key=${'00'.repeat(32)}\n\n`)
  assert.ok(request?.kind === 'set' && request.change.privateKey === 'none')
})

for (const [what, line, errno] of [
  ['an unknown key', 'colour=red', 'EINVAL'],
  ['a key of peers before any peer', 'allowed_ip=10.0.0.0/8', 'EINVAL'],
  ['a line without =', 'listen_port', 'EPROTO'],
  ['a short private key', 'private_key=00', 'EINVAL'],
  ['a private key that is not hexadecimal', `private_key=${'xy'.repeat(32)}`, 'EINVAL'],
  ['a port beyond 65535', 'listen_port=65536', 'EINVAL'],
  ['a port that is negative', 'listen_port=-1', 'EINVAL'],
  ['a port with a sign', 'listen_port=+1', 'EINVAL'],
  ['a mark beyond 32 bits', 'fwmark=4294967296', 'EINVAL'],
  ['a number that overflows everything', `fwmark=${'9'.repeat(400)}`, 'EINVAL'],
  ['an empty value', 'listen_port=', 'EINVAL'],
  ['replace_peers=false', 'replace_peers=false', 'EINVAL'],
  ['a public key too long', `public_key=${KEY}00`, 'EINVAL'],
  ['an endpoint without port', `public_key=${KEY}\nendpoint=192.0.2.1`, 'EINVAL'],
  ['an endpoint by name', `public_key=${KEY}\nendpoint=example.org:1`, 'EINVAL'],
  ['an endpoint with port 0', `public_key=${KEY}\nendpoint=192.0.2.1:0`, 'EINVAL'],
  ['a prefix without length', `public_key=${KEY}\nallowed_ip=10.0.0.0`, 'EINVAL'],
  ['a prefix too long', `public_key=${KEY}\nallowed_ip=10.0.0.0/33`, 'EINVAL'],
  ['a keepalive too rare', `public_key=${KEY}\npersistent_keepalive_interval=65536`, 'EINVAL'],
  ['another protocol', `public_key=${KEY}\nprotocol_version=2`, 'EINVAL'],
  ['remove=no', `public_key=${KEY}\nremove=no`, 'EINVAL'],
  ['bytes that are no text', 'listen_port=\u00ff\u0000', 'EINVAL'],
] as const) {
  test(`${what} refuses the whole request, and the next one is read`, () => {
    const requests = read(`set=1\nlisten_port=1\n${line}\nfwmark=1\n\nget=1\n\n`)
    assert.deepEqual(
      requests.map((request) => (request.kind === 'refused' ? request.errno : request.kind)),
      [errno, 'get'],
    )
  })
}

for (const text of ['hello\n', 'get=2\n\n', 'set=0\n', 'get=1\nlisten_port=1\n\n', '\n', 'x'.repeat(513)]) {
  test(`what begins with ${JSON.stringify(text.slice(0, 20))} is refused, and nothing after it is read`, () => {
    const requests = read(`${text}get=1\n\n`)
    assert.equal(requests.length, 1)
    assert.ok(requests[0]?.kind === 'refused' && requests[0].isLast && requests[0].errno === 'EPROTO')
  })
}

test('no bytes whatever throw, and lines that end are never kept', () => {
  const lines = fc.constantFrom(
    'get=1\n',
    'set=1\n',
    '\n',
    'listen_port=1\n',
    `public_key=${KEY}\n`,
    'allowed_ip=::/0\n',
  )
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 600 }),
    lines.map((line) => utf8(line)),
  )
  fc.assert(
    fc.property(fc.array(bytes, { maxLength: 30 }), (chunks) => {
      const reader = new RequestReader()
      for (const chunk of chunks) {
        reader.push(chunk)
        all(reader)
      }
    }),
    { numRuns: 500 },
  )
})

function read(text: string): readonly Request[] {
  const reader = new RequestReader()
  reader.push(Uint8Array.from(text, (character) => character.charCodeAt(0)))
  return all(reader)
}

function all(reader: RequestReader): readonly Request[] {
  const requests: Request[] = []
  for (let request = reader.next(); request !== undefined; request = reader.next()) requests.push(request)
  return requests
}
