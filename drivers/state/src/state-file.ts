import {
  closeSync,
  fchmodSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { errorCode, StateError, stateErrorOf } from './state-error.ts'

/** Larger than any state file; what is larger is not ours. */
const MAX_STATE_BYTES = 256 * 1024 * 1024

/** Of zod's shape. */
export interface Schema<T> {
  /** @throws where the value is not what it should be. */
  parse(value: unknown): T
}

/** Makes the directory and those above it where missing; one that exists keeps its mode. */
export function ensureDirectory(path: string, mode = 0o700): void {
  try {
    makeDirectories(path, mode)
  } catch (error) {
    throw stateErrorOf(`cannot make the directory ${path}`, error)
  }
}

/** Afterwards the file is wholly the old one or wholly the new one, also when the power fails in between. */
export function writeFileAtomic(path: string, data: string | Uint8Array, mode = 0o600): void {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`)
  try {
    rmSync(temporary, { force: true })
    writeDurably(temporary, data, mode)
    renameSync(temporary, path)
    syncDirectory(dirname(path))
  } catch (error) {
    rmSync(temporary, { force: true })
    throw stateErrorOf(`cannot write ${path}`, error)
  }
}

/**
 * What the JSON file holds, or `undefined` where there is none.
 * @param version the newest `version` this program knows.
 * @throws {StateError} `state-corrupt`: no JSON, or refused by the schema; the file was moved to `PATH.corrupt-N`.
 * `state-newer`: written by a newer weft; it was left as it is. `state-denied`, `state-failed`: could not be read.
 */
export function readStateFile<T>(path: string, schema: Schema<T>, version = 1): T | undefined {
  return readStateText(path, (text) => ({ head: JSON.parse(text), read: (value) => schema.parse(value) }), version)
}

/** The value that bears the file's version, and what reads the file by it. */
interface OpenedText<T> {
  readonly head: unknown
  readonly read: (head: unknown) => T
}

/** As `readStateFile`, for a file of which `open` makes sense. */
export function readStateText<T>(path: string, open: (text: string) => OpenedText<T>, version = 1): T | undefined {
  const text = readText(path)
  if (text === undefined) return undefined
  const opened = attempt(() => open(text))
  const found = versionOf(opened?.head)
  if (found !== undefined && found > version)
    throw new StateError(
      'state-newer',
      `${path} is of version ${found}, and this weft knows up to ${version}; update weft, or choose another --state DIR`,
    )
  try {
    if (opened === undefined) throw new SyntaxError('no JSON')
    return opened.read(opened.head)
  } catch (error) {
    const aside = moveAside(path)
    throw new StateError(
      'state-corrupt',
      `${path} is corrupt; it was kept as ${aside}; restore it from a backup`,
      error,
    )
  }
}

/** Not `recursive`, which tries forever where a directory exists and nothing can be made in it, as in /proc. */
function makeDirectories(path: string, mode: number): void {
  if (makeDirectory(path, mode)) return
  makeDirectories(dirname(path), mode)
  if (!makeDirectory(path, mode))
    throw new StateError('state-failed', `nothing can be made in ${dirname(path)}; choose another directory`)
}

/** `false` where the one above it is missing. */
function makeDirectory(path: string, mode: number): boolean {
  try {
    mkdirSync(path, { mode })
    return true
  } catch (error) {
    if (errorCode(error) === 'ENOENT' && dirname(path) !== path) return false
    if (errorCode(error) !== 'EEXIST') throw error
    if (!statSync(path).isDirectory())
      throw new StateError('state-failed', `${path} is a file and no directory; choose another`)
    return true
  }
}

function readText(path: string): string | undefined {
  try {
    if (statSync(path).size > MAX_STATE_BYTES) return ''
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw stateErrorOf(`cannot read ${path}`, error)
  }
}

function attempt<T>(make: () => T): T | undefined {
  try {
    return make()
  } catch {
    return undefined
  }
}

function versionOf(value: unknown): number | undefined {
  if (typeof value !== 'object' || value === null || !('version' in value)) return undefined
  return typeof value.version === 'number' ? value.version : undefined
}

/** The first free `PATH.corrupt-N`. A link refuses to replace, where a rename would. */
function moveAside(path: string): string {
  for (let number = 1; ; number++) {
    const aside = `${path}.corrupt-${number}`
    try {
      linkSync(path, aside)
      unlinkSync(path)
      syncDirectory(dirname(path))
      return aside
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw stateErrorOf(`${path} is corrupt and cannot be kept aside`, error)
    }
  }
}

function writeDurably(path: string, data: string | Uint8Array, mode: number): void {
  const descriptor = openSync(path, 'wx', mode)
  try {
    fchmodSync(descriptor, mode)
    writeFileSync(descriptor, data)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

export function syncDirectory(path: string): void {
  const descriptor = openSync(path, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
