import type { ForwardingOutput } from '@weft/dns'
import { askByTcp } from './tcp-question.ts'
import { askByUdp } from './udp-question.ts'

type Ask = Extract<ForwardingOutput, { readonly kind: 'ask' }>

export interface DnsClientOptions {
  readonly onAnswer: (ask: number, message: Uint8Array) => void
  /** Nothing will come of it; told at most once, and never of what was forgotten. */
  readonly onFailed: (ask: number) => void
}

/** How one question ends. */
export interface QuestionHooks {
  readonly onAnswer: (message: Uint8Array) => void
  readonly onFailed: () => void
}

/**
 * Asks other resolvers, each question by a socket of its own: so neither its port nor its number can be guessed, and an
 * answer can come from the one who was asked only. It has no clock: who asked forgets what takes too long.
 */
export class DnsClient {
  readonly #options: DnsClientOptions
  readonly #open = new Map<number, () => void>()

  constructor(options: DnsClientOptions) {
    this.#options = options
  }

  /** How many questions are open. */
  get size(): number {
    return this.#open.size
  }

  ask({ ask, upstream, transport, message }: Ask): void {
    const hooks: QuestionHooks = {
      // By UDP others may answer as well: the question stays open until the right answer has come.
      onAnswer: (answer) => {
        if (this.#open.has(ask)) this.#options.onAnswer(ask, answer)
      },
      onFailed: () => {
        if (this.#open.has(ask)) this.#fail(ask)
      },
    }
    try {
      const close = transport === 'udp' ? askByUdp(upstream, message, hooks) : askByTcp(upstream, message, hooks)
      this.#open.set(ask, close)
    } catch {
      // Descriptors are short, or the interface is gone. Never within `ask`, as every other failure.
      this.#open.set(ask, () => undefined)
      setImmediate(hooks.onFailed)
    }
  }

  forget(ask: number): void {
    this.#open.get(ask)?.()
    this.#open.delete(ask)
  }

  close(): void {
    for (const ask of [...this.#open.keys()]) this.forget(ask)
  }

  #fail(ask: number): void {
    this.forget(ask)
    this.#options.onFailed(ask)
  }
}
