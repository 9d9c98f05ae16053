/** One request that a program answers. */
export interface ControlMethod<Params = unknown> {
  /** `read`: anyone who may connect; `change`: root and the user that the program runs as. */
  readonly access: 'read' | 'change'
  /** Throws where the parameters are not what they should be, as a zod schema does. */
  readonly params: { parse(value: unknown): Params }
  /** A `ControlError` is answered as it is, any other as `failed` with its message. */
  run(params: Params, context: ControlContext): Promise<unknown>
}

export interface ControlContext {
  /** Aborted when the client goes away, and when the socket closes. */
  readonly signal: AbortSignal
  readonly uid: number
  /** Sends a line ahead of the answer. */
  emit(line: unknown): void
}

/** Infers the parameters' type from their schema. */
export const controlMethod = <Params>(method: ControlMethod<Params>): ControlMethod<Params> => method
