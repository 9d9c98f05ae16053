/** Standard output is for what was asked; progress and notes go to standard error, and only where somebody looks. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value))
}

export function note(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`${line}\n`)
}

/** Always on standard error: what went wrong beside the verb itself. */
export function warn(line: string): void {
  process.stderr.write(`weft: ${line}\n`)
}
