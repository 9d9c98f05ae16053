import type { Request } from './request.ts'
import { SetRequest } from './set-request.ts'

/** Characters; the longest that means anything is a key's, with 77. */
const MAX_LINE = 512

/**
 * The requests of one client, from what it sent so far, in whatever pieces that came. A request ends with an empty line; half
 * of one does nothing. What was sent is only looked at when it is asked for, one request at a time.
 *
 *     get=1 ⏎ ⏎        set=1 ⏎ key=value ⏎ … ⏎
 */
export class RequestReader {
  readonly #decoder = new TextDecoder('latin1')
  #text = ''
  #at = 0
  #state: { readonly kind: 'idle' | 'get' | 'closed' } | { readonly kind: 'set'; readonly request: SetRequest } = {
    kind: 'idle',
  }

  push(bytes: Uint8Array): void {
    if (this.#state.kind === 'closed') return
    this.#text = this.#text.slice(this.#at) + this.#decoder.decode(bytes, { stream: true })
    this.#at = 0
  }

  /** The next whole request; `undefined` where more has to come. */
  next(): Request | undefined {
    for (let line = this.#nextLine(); line !== undefined; line = this.#nextLine()) {
      const request = this.#takeLine(line)
      if (request !== undefined) return request
    }
    if (this.#text.length - this.#at <= MAX_LINE) return undefined
    return this.#close('a line without end')
  }

  #nextLine(): string | undefined {
    if (this.#state.kind === 'closed') return undefined
    const end = this.#text.indexOf('\n', this.#at)
    if (end < 0 || end - this.#at > MAX_LINE) return undefined
    const line = this.#text.slice(this.#at, end)
    this.#at = end + 1
    return line
  }

  #takeLine(line: string): Request | undefined {
    const state = this.#state
    switch (state.kind) {
      case 'get':
        this.#state = { kind: 'idle' }
        return line === '' ? { kind: 'get' } : this.#close('something behind get=1')
      case 'set':
        if (line !== '') {
          state.request.addLine(line)
          return undefined
        }
        this.#state = { kind: 'idle' }
        return requestOf(state.request)
      default:
        return this.#begin(line)
    }
  }

  #begin(line: string): Request | undefined {
    if (line === 'get=1') this.#state = { kind: 'get' }
    else if (line === 'set=1') this.#state = { kind: 'set', request: new SetRequest() }
    else return this.#close('neither get=1 nor set=1')
    return undefined
  }

  #close(reason: string): Request {
    this.#state = { kind: 'closed' }
    this.#text = ''
    this.#at = 0
    return { kind: 'refused', errno: 'EPROTO', reason, isLast: true }
  }
}

function requestOf({ refusal, change }: SetRequest): Request {
  return refusal === undefined ? { kind: 'set', change } : { kind: 'refused', ...refusal, isLast: false }
}
