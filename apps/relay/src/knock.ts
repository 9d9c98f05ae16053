import { request } from 'node:http'
import { type Endpoint, endpointParts, toHex } from '@weft/base'
import { KNOCK_PATH, type KnockOutcome } from '@weft/relay-protocol'

/** Long enough for a third try of TCP's, in ms. */
const KNOCK_MS = 4_000
const MAX_HEADERS = 4_096
const ANSWERED = 204
/** The last: its time was over. */
const SILENCE: ReadonlySet<unknown> = new Set(['EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'ABORT_ERR'])

/** Whether the coordinator that gave the token answers to it there. Nothing of the answer is read but its status. */
export async function knock(at: Endpoint, token: Uint8Array): Promise<KnockOutcome> {
  const { address, port } = endpointParts(at)
  const { promise, resolve } = Promise.withResolvers<KnockOutcome>()
  const asked = request({
    host: address,
    port,
    path: `${KNOCK_PATH}${toHex(token)}`,
    agent: false,
    maxHeaderSize: MAX_HEADERS,
    signal: AbortSignal.timeout(KNOCK_MS),
  })
  asked.on('response', ({ statusCode }) => {
    resolve(statusCode === ANSWERED ? 'answered' : 'other')
    asked.destroy()
  })
  asked.on('error', (error) => resolve(outcomeOf(error)))
  asked.on('close', () => resolve('other'))
  asked.end()
  return promise
}

function outcomeOf(error: Error): KnockOutcome {
  const code = 'code' in error ? error.code : undefined
  if (code === 'ECONNREFUSED') return 'refused'
  return SILENCE.has(code) ? 'silent' : 'other'
}
