import type { WriteStream } from 'node:tty'
import { wrapTo } from './text-width.ts'

/** Standard output is for what was asked; progress and notes go to standard error, and only where somebody looks. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** Sentences: in a terminal they break between words. What is indented is there to be copied, and stays whole. */
export function say(...lines: readonly string[]): void {
  for (const line of lines) print(line.startsWith('    ') ? line : fitted(line, process.stdout))
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value))
}

export function note(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`${fitted(line, process.stderr)}\n`)
}

/** Always on standard error: what went wrong beside the verb itself. */
export function warn(line: string): void {
  complain(`weft: ${line}`)
}

/** Why a verb was not done. */
export function complain(line: string): void {
  process.stderr.write(`${fitted(line, process.stderr)}\n`)
}

function fitted(line: string, { isTTY, columns }: WriteStream): string {
  return isTTY ? wrapTo(line, columns).join('\n') : line
}
