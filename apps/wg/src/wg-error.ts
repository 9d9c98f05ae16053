/** What the user asked for cannot be done. The message says what, why, and what to do, in one line. */
export class WgError extends Error {
  override readonly name = 'WgError'
  readonly code: string

  constructor(code: string, message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}
