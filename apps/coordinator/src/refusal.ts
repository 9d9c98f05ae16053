import type { ErrorCode } from '@weft/coordinator-protocol'

/** A request that is answered with an error: the asker's fault, or the mesh's state. Nothing was changed. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string) {
    super(message)
    this.code = code
  }
}
