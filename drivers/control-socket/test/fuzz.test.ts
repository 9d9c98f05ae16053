import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger } from '@weft/base'
import { fuzz, type Mutation, mutateJson, mutateText } from '@weft/testing'
import { callControl, controlMethod, serveControl } from '../src/index.ts'

const methods = {
  add: controlMethod({
    access: 'read',
    params: {
      parse(value) {
        const { a, b, ...rest } = value as { a: unknown; b: unknown }
        if (Number.isInteger(a) && Number.isInteger(b) && Object.keys(rest).length === 0)
          return { a: Number(a), b: Number(b) }
        throw new TypeError('two whole numbers are expected')
      },
    },
    run: async ({ a, b }) => ({ sum: a + b }),
  }),
}

const request = (body: string, head = '') =>
  `POST /v1/add HTTP/1.1\r\nhost: weft\r\n${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`

const valid = [
  request('{"a":1,"b":2}'),
  request('{"a":-4,"b":2}', 'connection: close\r\ncontent-type: application/json\r\n'),
  'POST /v1/add HTTP/1.1\r\nhost: weft\r\ntransfer-encoding: chunked\r\n\r\n7\r\n{"a":1,\r\n6\r\n"b":2}\r\n0\r\n\r\n',
  'GET /v1/add HTTP/1.1\r\nhost: weft\r\n\r\n',
]

/** Half of the inputs are whole requests, with another body. */
const mutateRequest: Mutation<string> = (text, other, random) =>
  random.chance(0.5) ? mutateText(text, other, random) : request(mutateJson('{"a":1,"b":2}', '{"a":[5]}', random))

fuzz({
  name: 'what is sent to a control socket',
  mutate: mutateRequest,
  scene: async () => {
    const directory = mkdtempSync(join(tmpdir(), 'weft-fuzz-'))
    const path = join(directory, 'agent.sock')
    const server = await serveControl({ path, methods, logger: silentLogger })
    return {
      valid,
      read: async (text) => outcomeOf(await say(path, text)),
      async close() {
        assert.deepEqual(await callControl(path, 'add', { a: 2, b: 3 }), { sum: 5 }, 'it serves as before')
        await server.close()
        rmSync(directory, { recursive: true, force: true })
      },
    }
  },
  reaches: ['200', '400', '404', '413'],
  sources: ['control-socket/src/control-server.ts', 'control-socket/src/control-request.ts'],
  inputs: { long: 100_000 },
})

/** Sends it, and no more; what is answered until the other side hangs up. */
function say(path: string, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(path)
    let answer = ''
    socket.setEncoding('utf8')
    socket.on('data', (data: string) => {
      answer += data
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(answer))
    socket.end(text)
  })
}

/** The status of the first answer; each body is JSON lines, and tells of no stack. */
function outcomeOf(answer: string): string {
  assert.ok(!answer.includes('.ts:'), answer)
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]
  if (status === undefined) assert.equal(answer, '')
  assert.notEqual(status, '500', answer)
  for (const [line] of answer.matchAll(/^\{.*$/gm)) JSON.parse(line)
  return status ?? 'hung up on'
}
