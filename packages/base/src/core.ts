import type { Clock, Instant, Now } from './time.ts'

/**
 * A protocol as a state machine: told what happened, it answers what to do. It owns no socket, timer, clock, random
 * source or promise. `poll` gives one answer at a time, so that the visible state always matches the answer at hand.
 */
export interface Core<Input, Output> {
  /** One thing happened. A deadline that passed is told by `wake`. */
  handle(input: Input, now: Now): void
  /** The moment of `nextTimeout` has come, or has passed. Harmless when called early. */
  wake(now: Now): void
  poll(): Output | undefined
  /** The single next moment at which `wake` is wanted. */
  nextTimeout(): Instant | undefined
}

/** One alarm that can be set anew; setting it replaces what was set. */
export interface Alarm {
  set(at: Instant | undefined, ring: () => void): void
}

/** Drives a core: always drains, always re-arms. `act` must not throw; it may call `tell` again. */
export class CoreRunner<Input, Output> {
  readonly #core: Core<Input, Output>
  readonly #clock: Clock
  readonly #alarm: Alarm
  readonly #act: (output: Output) => void
  #draining = false

  constructor(options: {
    readonly core: Core<Input, Output>
    readonly clock: Clock
    readonly alarm: Alarm
    readonly act: (output: Output) => void
  }) {
    this.#core = options.core
    this.#clock = options.clock
    this.#alarm = options.alarm
    this.#act = options.act
  }

  tell(input: Input): void {
    this.#core.handle(input, this.#clock())
    this.#settle()
  }

  #settle(): void {
    if (this.#draining) return
    this.#draining = true
    try {
      for (let output = this.#core.poll(); output !== undefined; output = this.#core.poll()) this.#act(output)
    } finally {
      this.#draining = false
      this.#alarm.set(this.#core.nextTimeout(), () => {
        this.#core.wake(this.#clock())
        this.#settle()
      })
    }
  }
}
