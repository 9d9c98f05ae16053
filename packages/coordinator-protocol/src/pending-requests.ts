import { earliest, type Instant, later, seconds } from '@weft/base'
import type { ClientAnswer, ClientError, ClientRequest } from './client-interface.ts'
import { type AnswerError, parseResult } from './messages.ts'

const ANSWER_TIMEOUT = seconds(10)
const MAX_PENDING = 64

interface Pending {
  readonly request: ClientRequest
  readonly deadline: Instant
}

/** Requests without an answer: `waiting` ones were not sent yet, `sent` ones were, with their number. */
export class PendingRequests {
  readonly #sent = new Map<number, Pending>()
  #waiting: Pending[] = []

  /** The answer, where it is refused at once. */
  add(request: ClientRequest, now: Instant): ClientAnswer | undefined {
    if (this.#sent.size + this.#waiting.length >= MAX_PENDING) {
      return failed(request, { code: 'busy', message: 'too many requests wait for the coordinator: try again later' })
    }
    this.#waiting.push({ request, deadline: later(now, ANSWER_TIMEOUT) })
    return undefined
  }

  /** The next one to be sent with this number. */
  takeWaiting(id: number): ClientRequest | undefined {
    const pending = this.#waiting.shift()
    if (pending !== undefined) this.#sent.set(id, pending)
    return pending?.request
  }

  /** `undefined` where nobody asked, or waits no longer. */
  answer(
    id: number,
    outcome: { readonly result: unknown } | { readonly error: AnswerError },
  ): ClientAnswer | undefined {
    const pending = this.#sent.get(id)
    if (pending === undefined) return undefined
    this.#sent.delete(id)
    const { request } = pending
    if ('error' in outcome) return failed(request, outcome.error)
    const result = parseResult(request.method, outcome.result)
    if (result === undefined) {
      return failed(request, {
        code: 'answer-malformed',
        message: 'the coordinator answered with something that this weft does not know: update the older of the two',
      })
    }
    // The result is of the request's method, which a union of pairs does not show to the compiler.
    return { kind: 'answer', token: request.token, method: request.method, result } as ClientAnswer
  }

  /** Those whose connection was lost. */
  failSent(error: ClientError): ClientAnswer[] {
    const answers = [...this.#sent.values()].map(({ request }) => failed(request, error))
    this.#sent.clear()
    return answers
  }

  failAll(error: ClientError): ClientAnswer[] {
    const waiting = this.#waiting.map(({ request }) => failed(request, error))
    this.#waiting = []
    return [...this.failSent(error), ...waiting]
  }

  expire(now: Instant): ClientAnswer[] {
    const error: ClientError = {
      code: 'timeout',
      message: 'the coordinator did not answer within 10 seconds: try again',
    }
    const answers: ClientAnswer[] = []
    for (const [id, { request, deadline }] of this.#sent) {
      if (deadline > now) continue
      this.#sent.delete(id)
      answers.push(failed(request, error))
    }
    const expired = this.#waiting.filter(({ deadline }) => deadline <= now)
    this.#waiting = this.#waiting.filter(({ deadline }) => deadline > now)
    return [...answers, ...expired.map(({ request }) => failed(request, error))]
  }

  nextDeadline(): Instant | undefined {
    const [first] = this.#sent.values()
    return earliest(first?.deadline, this.#waiting[0]?.deadline)
  }
}

function failed({ token, method }: ClientRequest, error: ClientError): ClientAnswer {
  return { kind: 'answer', token, method, error }
}
