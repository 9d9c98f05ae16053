export type RelayErrorCode =
  /** The state directory is of the relay of another mesh. */
  'mesh-differs' | 'public-url-refused'

/** Something that whoever runs the relay must look at. The message says what, why, and what to do. */
export class RelayError extends Error {
  override readonly name = 'RelayError'
  readonly code: RelayErrorCode

  constructor(code: RelayErrorCode, message: string) {
    super(message)
    this.code = code
  }
}
