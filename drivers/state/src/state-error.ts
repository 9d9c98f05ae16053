export type StateErrorCode =
  | 'state-corrupt'
  | 'state-newer'
  | 'state-locked'
  /** A file that is to be new is there already. */
  | 'state-present'
  /** The system refused; nothing changed. */
  | 'state-denied'
  | 'state-failed'

/** Something about the state directory that its owner must look at. The message says what, why, and what to do. */
export class StateError extends Error {
  override readonly name = 'StateError'
  readonly code: StateErrorCode

  constructor(code: StateErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}

/** A failed file operation as a `StateError`: `what` begins the sentence. */
export function stateErrorOf(what: string, error: unknown): StateError {
  if (error instanceof StateError) return error
  const code = errorCode(error)
  if (code === 'EACCES' || code === 'EPERM')
    return new StateError('state-denied', `${what}: no permission; run it as root, or as the owner of the file`, error)
  if (code === 'EROFS')
    return new StateError(
      'state-denied',
      `${what}: the file system is read-only; choose another with --state DIR`,
      error,
    )
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new StateError('state-failed', `${what}: the disk is full; make room and try again`, error)
  return new StateError('state-failed', `${what}: ${code ?? String(error)}`, error)
}

export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
