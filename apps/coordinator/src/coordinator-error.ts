import { ListenError, type ListenErrorCode } from '@weft/relay/listening'
import { StateError, type StateErrorCode } from '@weft/state'
import { StorageError, type StorageErrorCode } from '@weft/storage'

export type CoordinatorErrorCode =
  | 'range-refused'
  /** The mesh has another range; its devices have their addresses from it. */
  | 'range-fixed'
  | 'public-url-refused'
  | 'keys-missing'
  | 'keys-corrupt'
  /** There are keys of a mesh, and no database. */
  | 'database-missing'
  /** A backup is restored where no mesh is. */
  | 'mesh-present'
  | ListenErrorCode
  | StateErrorCode
  | StorageErrorCode

/** Something that whoever runs the coordinator must look at. The message says what, why, and what to do. */
export class CoordinatorError extends Error {
  override readonly name = 'CoordinatorError'
  readonly code: CoordinatorErrorCode

  constructor(code: CoordinatorErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}

/** What the port, state files and the database complain about, in the coordinator's words; anything else as it is. */
export function coordinatorErrorOf(error: unknown): unknown {
  if (error instanceof ListenError || error instanceof StateError || error instanceof StorageError)
    return new CoordinatorError(error.code, error.message, error)
  return error
}
