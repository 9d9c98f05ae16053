import { type Instant, later, TokenBucket } from '@weft/base'
import { AT_EASE, UNDER_LOAD_FOR } from './constants.ts'

/**
 * Whether handshakes come faster than this end likes to do their work: more than it has an allowance for, or it was
 * told so. It stays under load until a second after the last one too many.
 */
export class HandshakeLoad {
  readonly #allowance = new TokenBucket(AT_EASE)
  #until: Instant | undefined
  #isTold = false

  tell(isUnderLoad: boolean): void {
    this.#isTold = isUnderLoad
  }

  /** Counts a handshake message whose mac1 holds. */
  isUnderLoadWithOneMore(now: Instant): boolean {
    if (!this.#allowance.take(now)) this.#until = later(now, UNDER_LOAD_FOR)
    return this.#isTold || (this.#until !== undefined && now < this.#until)
  }
}
