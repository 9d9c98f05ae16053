import { closeSync, fdatasyncSync, fstatSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { stateErrorOf } from './state-error.ts'
import { readStateText, type Schema } from './state-file.ts'

/** What a log holds: the value of its first line, and in order those that were added. */
export interface StateLog<T, C> {
  readonly whole: T
  readonly added: readonly C[]
}

/**
 * A state file of which only the first line is written whole, by `writeFileAtomic`; further lines are added to it. A last line that was
 * not written to its end, or what is no line of a log, ends it: what stands before holds.
 * @throws {StateError} as `readStateFile` does, for the first line.
 */
export function readStateLog<T, C>(
  path: string,
  whole: Schema<T>,
  added: Schema<C>,
  version = 1,
): StateLog<T, C> | undefined {
  const open = (text: string) => {
    const [first = '', ...lines] = text.split('\n')
    const read = (head: unknown) => ({ whole: whole.parse(head), added: linesOf(lines, added) })
    return { head: JSON.parse(first), read }
  }
  return readStateText(path, open, version)
}

/**
 * Adds a line to a log that is there. Where that fails the log is as it was before.
 * @param isDurable whether it is on disk when this returns; else it is safe from this process's end only.
 * @throws {StateError}
 */
export function addToStateLog(path: string, value: unknown, { isDurable }: { readonly isDurable: boolean }): void {
  try {
    const descriptor = openSync(path, 'r+')
    try {
      append(descriptor, new TextEncoder().encode(`${JSON.stringify(value)}\n`))
      if (isDurable) fdatasyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    throw stateErrorOf(`cannot add to ${path}`, error)
  }
}

function append(descriptor: number, line: Uint8Array): void {
  const { size } = fstatSync(descriptor)
  try {
    for (let at = 0; at < line.length; ) at += writeSync(descriptor, line, at, line.length - at, size + at)
  } catch (error) {
    ftruncateSync(descriptor, size)
    throw error
  }
}

/** The last of them is empty, or was not written to its end. */
function linesOf<C>(lines: readonly string[], schema: Schema<C>): readonly C[] {
  const read: C[] = []
  for (const line of lines.slice(0, -1)) {
    try {
      read.push(schema.parse(JSON.parse(line)))
    } catch {
      break
    }
  }
  return read
}
