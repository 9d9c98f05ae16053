import type { IncomingMessage, ServerResponse } from 'node:http'
import { ControlError } from './control-error.ts'
import type { ControlMethod } from './control-method.ts'

/** Of anyone, and of who may change something. */
const MAX_BODY_BYTES = { read: 64 * 1024, change: 2 * 1024 * 1024 } as const
/** What may wait for a client that does not read. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024

/** The whole body as JSON; an empty one is `{}`. */
export async function readParams(request: IncomingMessage, access: ControlMethod['access']): Promise<unknown> {
  const most = MAX_BODY_BYTES[access]
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > most) throw new ControlError('too-large', `the request has more than ${most} bytes`)
    chunks.push(chunk)
  }
  if (length === 0) return {}
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)))
  } catch {
    throw new ControlError('bad-request', 'the body is not JSON')
  }
}

/** The parameters as the method wants them. */
export function parseParams<Params>(method: ControlMethod<Params>, value: unknown): Params {
  try {
    return method.params.parse(value)
  } catch (error) {
    throw new ControlError('bad-request', `the parameters are refused: ${oneLine(error)}`, error)
  }
}

export function findMethod(request: IncomingMessage, methods: Readonly<Record<string, ControlMethod>>): ControlMethod {
  const name = /^\/v1\/([a-z0-9-]{1,64})$/.exec(request.url ?? '')?.[1]
  const method = name !== undefined && Object.hasOwn(methods, name) ? methods[name] : undefined
  if (method === undefined)
    throw new ControlError('unknown-method', `no such method; there are: ${Object.keys(methods).sort().join(', ')}`)
  if (request.method !== 'POST')
    throw new ControlError('bad-request', `a method is asked by POST, not ${request.method}`)
  return method
}

export function sendLine(response: ServerResponse, line: unknown): void {
  if (response.destroyed || response.writableEnded) return
  if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/x-ndjson' })
  response.write(`${JSON.stringify(line)}\n`)
  if (response.writableLength > MAX_WAITING_BYTES) response.destroy()
}

export function sendError(response: ServerResponse, error: ControlError): void {
  if (response.destroyed || response.writableEnded) return
  const head = { 'content-type': 'application/x-ndjson', connection: 'close' }
  if (!response.headersSent) response.writeHead(statusOf(error), head)
  response.end(`${JSON.stringify({ error: { code: error.code, message: error.message } })}\n`)
}

export function controlErrorOf(error: unknown): ControlError {
  return error instanceof ControlError ? error : new ControlError('failed', oneLine(error), error)
}

function statusOf(error: ControlError): number {
  switch (error.code) {
    case 'bad-request':
      return 400
    case 'denied':
      return 403
    case 'unknown-method':
      return 404
    case 'too-large':
      return 413
    case 'failed':
      return 500
    default:
      return 409
  }
}

/** Zod's errors carry a list of issues and a message of many lines. */
function oneLine(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if ('issues' in error && Array.isArray(error.issues))
    return error.issues.map((issue: { path?: readonly unknown[]; message?: string }) => issueLine(issue)).join('; ')
  return error.message.replaceAll(/\s*\n\s*/g, ' ')
}

function issueLine(issue: { path?: readonly unknown[]; message?: string }): string {
  const where = issue.path?.map(String).join('.') ?? ''
  return where === '' ? (issue.message ?? 'refused') : `${where}: ${issue.message}`
}
