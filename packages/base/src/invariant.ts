/** Our own fault, never the network's or the user's: the program must not go on as if it held. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError'
}

export function invariant(holds: unknown, claim: string): asserts holds {
  if (!holds) throw new InvariantError(`does not hold: ${claim}`)
}

/** The end of every switch over a discriminated union. */
export function assertNever(value: never): never {
  throw new InvariantError(`unexpected: ${JSON.stringify(value)}`)
}
