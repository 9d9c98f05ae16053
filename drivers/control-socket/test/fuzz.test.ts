import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger } from '@weft/base'
import { fuzz, httpRequest, type Mutation, mutateHttp, mutateJson, say, statusOf } from '@weft/testing'
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

function request(text: string, head: readonly string[] = []): string {
  const body = Buffer.from(text).toString('latin1')
  return httpRequest('POST /v1/add', [...head, `Content-Length: ${body.length}`], body)
}

const valid = [
  request('{"a":1,"b":2}'),
  request('{"a":-4,"b":2}', ['Connection: close', 'Content-Type: application/json']),
  httpRequest('POST /v1/add', ['Transfer-Encoding: chunked'], '7\r\n{"a":1,\r\n6\r\n"b":2}\r\n0\r\n\r\n'),
  httpRequest('GET /v1/add'),
]

/** Half of the inputs are whole requests, with another body. */
const mutateRequest: Mutation<string> = (text, other, random) =>
  random.chance(0.5) ? mutateHttp(text, other, random) : request(mutateJson('{"a":1,"b":2}', '{"a":[5]}', random))

fuzz({
  name: 'what is sent to a control socket',
  mutate: mutateRequest,
  scene: async () => {
    const directory = mkdtempSync(join(tmpdir(), 'weft-fuzz-'))
    const path = join(directory, 'agent.sock')
    const server = await serveControl({ path, methods, logger: silentLogger })
    return {
      valid,
      read: async (text) => outcomeOf(await say({ path }, text)),
      async close() {
        assert.deepEqual(await callControl(path, 'add', { a: 2, b: 3 }), { sum: 5 }, 'it serves as before')
        await server.close()
        rmSync(directory, { recursive: true, force: true })
      },
    }
  },
  reaches: ['200', '400', '404', '413'],
  sources: ['control-socket/src/control-server.ts', 'control-socket/src/control-request.ts'],
  inputs: { long: 50_000 },
})

/** Each body is JSON lines. */
function outcomeOf(answer: string): string {
  for (const [line] of answer.matchAll(/^\{.*$/gm)) JSON.parse(line)
  return statusOf(answer)
}
