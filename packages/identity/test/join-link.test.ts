import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import {
  concatBytes,
  type Endpoint,
  endpointOf,
  fromBase64Url,
  ipFromBytes,
  parseEndpoint,
  toBase64Url,
} from '@weft/base'
import fc from 'fast-check'
import { encodeLink, isLinkUrl, type JoinLink, type LinkEndpoint, readLink } from '../src/index.ts'
import { crypto, flipped, keyOf, link as linkKey, mesh, refused, tolerant } from './fixture.ts'

const link: JoinLink = {
  mesh,
  coordinatorKey: keyOf('coordinator').publicKey(crypto),
  seed: linkKey,
  endpoints: [
    { kind: 'endpoint', endpoint: endpoint('192.0.2.1:7480') },
    { kind: 'endpoint', endpoint: endpoint('[2001:db8::1]:7480') },
    { kind: 'url', url: 'https://weft.example/mesh' },
  ],
}
const text = encodeLink(link, crypto)

test('a link says what was put into it', () => {
  assertSame(readLink(text, crypto), link)
})

test('the format of links is as it was', () => {
  assert.equal(text, LINK)
})

test('white space around a link is ignored', () => {
  for (const around of [` ${text}`, `${text}\n`, `\t${text}\r\n  `]) assertSame(readLink(around, crypto), link)
})

test('a link with any byte changed is mistyped', () => {
  for (const bytes of flipped(content())) {
    assert.throws(() => readLink(`weft://${toBase64Url(bytes)}`, crypto), refused('link-mistyped'))
  }
})

test('a link with any character changed, missing or added is refused', () => {
  for (let i = 7; i < text.length; i++) {
    const rest = text.slice(i + 1)
    for (const wrong of [
      `${text.slice(0, i)}${text[i] === 'A' ? 'B' : 'A'}${rest}`,
      `${text.slice(0, i)}${rest}`,
      `${text.slice(0, i)}=${rest}`,
      `${text.slice(0, i)} ${rest}`,
      `${text.slice(0, i)}A${text.slice(i)}`,
    ]) {
      assert.throws(() => readLink(wrong, crypto), refused('link-mistyped'), `at ${i}`)
    }
  }
})

test('a link cut off anywhere is refused', () => {
  for (let length = 0; length < text.length; length++) {
    const code = length < 7 ? 'link-malformed' : 'link-mistyped'
    assert.throws(() => readLink(text.slice(0, length), crypto), refused(code))
  }
})

test('what to do with a damaged link is said', () => {
  assert.throws(() => readLink(text.replace('A', 'B'), crypto), {
    message: 'this join link is damaged: its checksum does not hold; copy it again in full',
  })
})

test('a text that is no link is refused', () => {
  for (const wrong of ['', 'https://weft.example', 'weft:/', text.slice(7), text.toUpperCase(), '-']) {
    assert.throws(() => readLink(wrong, crypto), refused('link-malformed'))
  }
  assert.throws(() => readLink(`weft://${'A'.repeat(100_000)}`, crypto), refused('link-mistyped'))
})

test('a link of a later format asks for an update', () => {
  const later = Uint8Array.of(2, ...new Uint8Array(200))
  assert.throws(() => readLink(withChecksum(later), crypto), refused('link-newer'))
  assert.throws(() => readLink(withChecksum(Uint8Array.of(9)), crypto), refused('link-newer'))
})

test('whole links with impossible content are refused', () => {
  const head = content().subarray(0, 81)
  const wrong: Record<string, number[]> = {
    'no endpoint': [0],
    'nine endpoints': [9, ...Array.from({ length: 9 }, () => [4, 192, 0, 2, 1, 0, 80]).flat()],
    'endpoint missing': [2, 4, 192, 0, 2, 1, 0, 80],
    'endpoint cut off': [1, 4, 192, 0, 2, 1, 0],
    'something behind': [1, 4, 192, 0, 2, 1, 0, 80, 0],
    'unknown kind': [1, 5, 192, 0, 2, 1, 0, 80],
    'port 0': [1, 4, 192, 0, 2, 1, 0, 0],
    'IPv4 in IPv6': [1, 6, ...new Array(10).fill(0), 255, 255, 192, 0, 2, 1, 0, 80],
    'url cut off': [1, 7, 20, ...bytesOf('http://a')],
    'url of another scheme': [1, 7, 7, ...bytesOf('ftp://a')],
    'url not ASCII': [1, 7, 9, ...bytesOf('http://'), 0xff, 0xff],
    'empty url': [1, 7, 0],
    'nothing but the head': [],
  }
  for (const [what, tail] of Object.entries(wrong)) {
    const bytes = concatBytes(head, Uint8Array.from(tail))
    assert.throws(() => readLink(withChecksum(bytes), crypto), refused('link-malformed'), what)
  }
  assert.throws(
    () => readLink(withChecksum(Uint8Array.of(0, ...new Uint8Array(90))), crypto),
    refused('link-malformed'),
  )
})

test('only plain http and https URLs fit into a link', () => {
  for (const url of ['http://a', 'https://[2001:db8::1]:7480/x?y=z']) assert.ok(isLinkUrl(url), url)
  for (const url of [
    'ftp://a',
    'http://',
    'http://a b',
    'http://a\u001b[2J',
    'http://ä',
    'http://u@a',
    'http://u:p@a',
    'http://a#b',
    'http://a:99999',
    `http://${'a'.repeat(250)}`,
  ]) {
    assert.ok(!isLinkUrl(url), url)
    assert.throws(() => encodeLink({ ...link, endpoints: [{ kind: 'url', url }] }, crypto))
  }
})

test('a link has one to eight endpoints', () => {
  const [first] = link.endpoints
  assert.ok(first)
  for (const count of [0, 9]) {
    assert.throws(() => encodeLink({ ...link, endpoints: new Array(count).fill(first) }, crypto))
  }
  const eight = { ...link, endpoints: new Array<LinkEndpoint>(8).fill(first) }
  assertSame(readLink(encodeLink(eight, crypto), crypto), eight)
})

test('a link that is printed does not show its seed', () => {
  const read = readLink(text, crypto)
  const seed = linkKey.expose()
  for (const shown of [inspect(read), JSON.stringify(read)]) {
    assert.ok(!shown.includes(seed.toHex()) && !shown.includes(seed.toBase64()))
    assert.match(shown, /private key/)
  }
})

test('any link is read as it was made', () => {
  const ip = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }).map(ipFromBytes),
    fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => ipFromBytes(bytes.fill(0x20, 0, 1))),
  )
  const anyEndpoint = fc.oneof(
    fc
      .tuple(ip, fc.integer({ min: 1, max: 65535 }))
      .map(([address, port]): LinkEndpoint => ({ kind: 'endpoint', endpoint: endpointOf(address, port) })),
    fc
      .webUrl({ validSchemes: ['http', 'https'] })
      .filter(isLinkUrl)
      .map((url): LinkEndpoint => ({ kind: 'url', url })),
  )
  fc.assert(
    fc.property(fc.array(anyEndpoint, { minLength: 1, maxLength: 8 }), (endpoints) => {
      assertSame(readLink(encodeLink({ ...link, endpoints }, crypto), crypto), { ...link, endpoints })
    }),
  )
})

test('no text makes the reader of links throw anything but IdentityError', () => {
  const sealed = fc.uint8Array({ maxLength: 300 }).map((bytes) => withChecksum(Uint8Array.of(1, ...bytes)))
  const plausible = fc.uint8Array({ maxLength: 60 }).map((tail) => {
    return withChecksum(concatBytes(content().subarray(0, 81), Uint8Array.of(1 + ((tail[0] ?? 0) % 8)), tail))
  })
  fc.assert(
    fc.property(
      fc.oneof(
        sealed,
        plausible,
        fc.string(),
        fc.string().map((s) => `weft://${s}`),
      ),
      (input) => {
        const read = tolerant(() => readLink(input, crypto))
        if (read !== undefined) assert.equal(encodeLink(read, crypto), input.trim())
      },
    ),
    { numRuns: 500 },
  )
})

function assertSame(actual: JoinLink, expected: JoinLink): void {
  assert.ok(actual.seed.equals(expected.seed))
  const { seed: _actual, ...rest } = actual
  const { seed: _expected, ...expectedRest } = expected
  assert.deepEqual(rest, expectedRest)
}

function content(): Uint8Array {
  const bytes = fromBase64Url(text.slice(7))
  assert.ok(bytes)
  return bytes
}

function withChecksum(bytes: Uint8Array): string {
  return `weft://${toBase64Url(concatBytes(bytes, crypto.sha256(bytes).subarray(0, 4)))}`
}

function endpoint(of: string): Endpoint {
  const parsed = parseEndpoint(of)
  assert.ok(parsed)
  return parsed
}

const bytesOf = (ascii: string): number[] => [...ascii].map((character) => character.charCodeAt(0))

const LINK =
  'weft://AfsZnvkkcFOT8CcCsXSQObQrwoALMxbgCSCf_XV9qxnM8K6EvHrpBlTh6BcS0nD2U21tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tAwTAAAIBHTgGIAENuAAAAAAAAAAAAAAAAR04BxlodHRwczovL3dlZnQuZXhhbXBsZS9tZXNoZvykOg'
