export type LaneErrorCode =
  | 'no-tun-device'
  | 'tun-not-permitted'
  | 'tun-busy'
  | 'tun-name-refused'
  | 'port-refused'
  | 'lane-broken'

/** Opening the fast path failed; nothing is left open. The message says what, why, and what to do, in one line. */
export class LaneError extends Error {
  override readonly name = 'LaneError'
  readonly code: LaneErrorCode

  constructor(code: LaneErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
