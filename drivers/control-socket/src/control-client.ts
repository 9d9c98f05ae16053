import { connect, type Socket } from 'node:net'
import { ControlError, systemCode } from './control-error.ts'
import { checkPath } from './socket-length.ts'

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
  const socket = await connectTo(path, options.signal)
  socket.write(requestText(method, params))
  let last: unknown
  try {
    for await (const text of answerLines(socket)) {
      last = JSON.parse(text)
      if (isRecord(last) && 'line' in last) options.onLine?.(last.line)
    }
  } catch (error) {
    options.signal?.throwIfAborted()
    throw cutOff(path, error)
  }
  options.signal?.throwIfAborted()
  return resultOf(path, last)
}

/**
 * Written by hand, and in HTTP/1.0, where an answer ends with its connection: loading node:http takes longer than all else
 * that `weft status` does.
 */
function requestText(method: string, params: unknown): string {
  const body = JSON.stringify(params ?? {})
  const head = [
    `POST /v1/${encodeURIComponent(method)} HTTP/1.0`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
  ]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}

function connectTo(path: string, signal?: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path, ...(signal === undefined ? {} : { signal }) })
    socket.once('connect', () => resolve(socket))
    socket.once('error', (error) => reject(signal?.aborted ? signal.reason : connectError(path, error)))
  })
}

/** The lines behind the head, as they come; the last may lack its end. */
async function* answerLines(socket: Socket): AsyncGenerator<string> {
  let text = ''
  let isInBody = false
  for await (const part of socket.setEncoding('utf8')) {
    text += part
    if (!isInBody) {
      const head = text.indexOf('\r\n\r\n')
      if (head < 0) continue
      isInBody = true
      text = text.slice(head + 4)
    }
    const lines = text.split('\n')
    text = lines.pop() ?? ''
    yield* lines
  }
  if (isInBody && text !== '') yield text
}

function cutOff(path: string, error: unknown): ControlError {
  // It was closed before it answered: too many connections of ours, say.
  if (systemCode(error) !== undefined && !(error instanceof SyntaxError)) return connectError(path, error as Error)
  return new ControlError('failed', `the answer of ${path} was cut off`, error)
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
