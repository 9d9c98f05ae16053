export type ListenErrorCode = 'listen-busy' | 'listen-denied' | 'listen-failed'

/** The port or address is not to be had. The message says what, why, and what to do. */
export class ListenError extends Error {
  override readonly name = 'ListenError'
  readonly code: ListenErrorCode

  constructor(code: ListenErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}
