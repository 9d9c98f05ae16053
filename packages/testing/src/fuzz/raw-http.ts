import assert from 'node:assert/strict'
import { connect, type NetConnectOpts } from 'node:net'
import { type Mutation, mutateText } from './mutations.ts'

const END_OF_LINE = '\r\n'
const END_OF_HEAD = '\r\n\r\n'

/** `GET /healthz` and the like, as it goes over the wire. */
export const httpRequest = (line: string, head: readonly string[] = [], body = ''): string =>
  [`${line} HTTP/1.1`, 'Host: weft', ...head].join(END_OF_LINE) + END_OF_HEAD + body

export const webSocketRequest = (path: string, subprotocol: string): string =>
  httpRequest(`GET ${path}`, [
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    `Sec-WebSocket-Protocol: ${subprotocol}`,
  ])

const CLOSE = 'Connection: close'

/** What a server of WebSockets hears from anybody: requests of all kinds, upgrades, and what may follow them. */
export const strangersRequests = (path: string, subprotocol: string): readonly string[] => [
  httpRequest('GET /healthz', [CLOSE]),
  httpRequest('HEAD /healthz?x=1', [CLOSE]),
  httpRequest('OPTIONS *', [CLOSE]),
  httpRequest('POST /healthz', [CLOSE, 'Content-Type: application/json', 'Content-Length: 9'], '{"a":[1]}'),
  httpRequest('PUT /healthz', [CLOSE, 'Transfer-Encoding: chunked'], '5\r\nabcde\r\n0\r\n\r\n'),
  httpRequest('POST /x', [CLOSE, 'Content-Type: text/plain', 'Content-Length: 2000'], 'x'.repeat(2_000)),
  httpRequest('GET /healthz', [CLOSE, 'Expect: 100-continue']),
  httpRequest('GET /healthz') + httpRequest('GET /%2e%2e/healthz', [CLOSE]),
  httpRequest('GET /healthz', [`X-Long: ${'x'.repeat(8_000)}`]),
  webSocketRequest(path, subprotocol),
  // A frame that is not masked, one that is, and a close frame.
  `${webSocketRequest(path, subprotocol)}\x82\x05hello`,
  `${webSocketRequest(path, subprotocol)}\x82\x85\0\0\0\0hello\x88\x82\0\0\0\0\x03\xe8`,
  webSocketRequest(path, subprotocol) + 'x'.repeat(100_000),
]

/** One line of the head changed, or what follows it, so that the rest is read; of three requests one is changed anywhere. */
export const mutateHttp: Mutation<string> = (valid, other, random) => {
  const end = valid.indexOf(END_OF_HEAD)
  const [head, rest] = [valid.slice(0, end), valid.slice(end)]
  switch (random.below(3)) {
    case 0:
      return mutateText(valid, other, random)
    case 1:
      return head + END_OF_HEAD + mutateText(rest.slice(END_OF_HEAD.length), other, random)
    default: {
      const lines = head.split(END_OF_LINE)
      const at = random.below(lines.length)
      lines[at] = mutateText(lines[at] ?? '', random.pick(other.split(END_OF_LINE)), random).replaceAll(/[\r\n]/g, '')
      return lines.join(END_OF_LINE) + rest
    }
  }
}

/** Sends it byte for byte, and no more; what is answered until the other side hangs up. */
export function say(to: NetConnectOpts, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(to)
    let answer = ''
    socket.setEncoding('latin1')
    socket.on('data', (data: string) => {
      answer += data
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(answer))
    socket.end(text, 'latin1')
  })
}

/** The status of the first answer. None of them says that the server failed, or tells of its program. */
export function statusOf(answer: string): string {
  assert.doesNotMatch(answer, /\.ts:|node_modules|node:internal/)
  assert.doesNotMatch(answer, /^HTTP\/1\.1 50[0-2]/m)
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]
  if (status === undefined) assert.equal(answer, '')
  return status ?? 'hung up on'
}
