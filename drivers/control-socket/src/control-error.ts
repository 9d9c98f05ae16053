/** A request was refused or failed. The message says what, why, and what to do; the code is for programs. */
export class ControlError extends Error {
  override readonly name = 'ControlError'
  readonly code: ControlErrorCode

  constructor(code: ControlErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}

/** The socket's own; a method may answer with any other. */
export type ControlErrorCode =
  /** Nobody listens at the socket. */
  | 'not-running'
  | 'denied'
  | 'bad-request'
  | 'unknown-method'
  | 'too-large'
  | 'socket-busy'
  | 'socket-unusable'
  | 'failed'
  | (string & {})

export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
