import { SystemError } from '@weft/native'

export type InterfaceErrorCode =
  | 'not-permitted'
  | 'no-interface'
  /** Another interface, or another program, has a route to the same prefix. */
  | 'route-taken'
  | 'refused'

/** The kernel refused a change of an interface. What was done before in the same call stays done. */
export class InterfaceError extends Error {
  override readonly name = 'InterfaceError'
  readonly code: InterfaceErrorCode

  constructor(code: InterfaceErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}

/** Runs the change; `what` ends the sentence `cannot …`. */
export function attempt<T>(what: string, change: () => T): T {
  try {
    return change()
  } catch (error) {
    throw interfaceErrorOf(what, error)
  }
}

function interfaceErrorOf(what: string, error: unknown): unknown {
  if (!(error instanceof SystemError)) return error
  switch (error.code) {
    case 'EPERM':
    case 'EACCES':
      return new InterfaceError('not-permitted', `cannot ${what}: not permitted; run it as root`, error)
    case 'ENODEV':
    case 'ENXIO':
      return new InterfaceError('no-interface', `cannot ${what}: the interface is gone`, error)
    default:
      return new InterfaceError('refused', `cannot ${what}: ${error.message}`, error)
  }
}
