/** A verb could not be done. The message says what, why, and what to do, in one line. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly code: string

  constructor(code: string, message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}

/** The one line that a user reads of an error. Errors of ours by design have a `code`; any other is a fault in weft. */
export function failureLine(error: unknown): string {
  if (!(error instanceof Error)) return `weft: something unexpected happened: ${oneLine(String(error))}`
  if (codeOf(error) !== undefined && error.name !== 'Error') return `weft: ${oneLine(error.message)}`
  return `weft: something unexpected happened: ${oneLine(error.message)}; WEFT_DEBUG=1 shows where`
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** Text of others, as it may be shown in a terminal: on one line, without control characters. */
export function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').trim()
}

/** One line of commander's complaint about that command: `error: unknown command 'x'\n(Did you mean y?)` and the like. */
export function usageLine(text: string, command: string): string {
  const [what = '', suggestion] = text
    .trim()
    .replace(/^error: /, '')
    .split('\n', 2)
  const said = what
    .replace(/^command-argument value ('.*') is invalid for argument '(.*?)'\. /, '$1 is no $2: ')
    .replace(/^option '(?:-\w, )?(--\S+).*?' argument ('.*') is invalid\. /, '$1 $2 is invalid: ')
    .replace(/(?<=: )[A-Z](?=[a-z]* )/, (letter) => letter.toLowerCase())
    .replace(/\.$/, '')
  const guess = /\(Did you mean (?:one of )?(.+)\?\)/.exec(suggestion ?? '')?.[1]
  const advice = guess === undefined ? `see ${command} --help` : `did you mean ${guess}?`
  return `weft: ${said}; ${advice}`
}
