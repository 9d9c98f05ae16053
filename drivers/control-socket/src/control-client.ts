import { request as httpRequest, type IncomingMessage } from 'node:http'
import { createInterface } from 'node:readline'
import { ControlError, systemCode } from './control-error.ts'
import { checkPath } from './socket-path.ts'

/**
 * Asks the program that listens at the socket, and waits for its answer.
 * @param onLine told each line that the method emits, in order.
 * @throws {ControlError} `not-running`, or as the program answered; what `signal` was aborted with.
 */
export async function callControl(
  path: string,
  method: string,
  params: unknown,
  options: { readonly signal?: AbortSignal; readonly onLine?: (line: unknown) => void } = {},
): Promise<unknown> {
  checkPath(path)
  const response = await post(path, method, params, options.signal)
  let last: unknown
  try {
    for await (const text of createInterface({ input: response })) {
      last = JSON.parse(text)
      if (isRecord(last) && 'line' in last) options.onLine?.(last.line)
    }
  } catch (error) {
    options.signal?.throwIfAborted()
    throw new ControlError('failed', `the answer of ${path} was cut off`, error)
  }
  options.signal?.throwIfAborted()
  return resultOf(path, last)
}

function post(path: string, method: string, params: unknown, signal?: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const body = JSON.stringify(params ?? {})
    const request = httpRequest({
      socketPath: path,
      path: `/v1/${encodeURIComponent(method)}`,
      method: 'POST',
      agent: false,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      ...(signal === undefined ? {} : { signal }),
    })
    request.once('response', resolve)
    request.once('error', (error) => reject(signal?.aborted ? signal.reason : connectError(path, error)))
    request.end(body)
  })
}

function connectError(path: string, error: Error): ControlError {
  switch (systemCode(error)) {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return new ControlError('not-running', `nothing answers at ${path}; is weft running?`, error)
    case 'EACCES':
    case 'EPERM':
      return new ControlError('denied', `no permission to connect to ${path}; try it with sudo`, error)
    default:
      return new ControlError('failed', `no answer from ${path}: ${error.message}`, error)
  }
}

function resultOf(path: string, last: unknown): unknown {
  if (isRecord(last) && 'result' in last) return last.result
  const error = isRecord(last) && isRecord(last.error) ? last.error : undefined
  if (typeof error?.code === 'string' && typeof error.message === 'string')
    throw new ControlError(error.code, error.message)
  throw new ControlError('failed', `the program at ${path} ended before it answered`)
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
