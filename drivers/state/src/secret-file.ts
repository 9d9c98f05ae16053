import { closeSync, fstatSync, fsyncSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { errorCode, StateError, stateErrorOf } from './state-error.ts'
import { syncDirectory, writeFileAtomic } from './state-file.ts'

/**
 * Files whose old content shall be gone: it is overwritten, as far as the file system writes in place at all. Flash and file
 * systems that copy on write may keep it.
 */

/** @throws {StateError} `state-present` where there is one already, which stays; where it fails nothing stays behind. */
export function writeNewSecret(path: string, data: string): void {
  let descriptor: number
  try {
    descriptor = openSync(path, 'wx', 0o600)
  } catch (error) {
    if (errorCode(error) === 'EEXIST')
      throw new StateError('state-present', `${path} is there already; name another file`, error)
    throw stateErrorOf(`cannot write ${path}`, error)
  }
  try {
    writeFileSync(descriptor, data)
    fsyncSync(descriptor)
    syncDirectory(dirname(path))
  } catch (error) {
    rmSync(path, { force: true })
    throw stateErrorOf(`cannot write ${path}`, error)
  } finally {
    closeSync(descriptor)
  }
}

/** At once; then what was there before is overwritten. */
export function replaceSecret(path: string, data: string): void {
  withOpen(path, (before) => {
    writeFileAtomic(path, data, 0o600)
    overwrite(before)
  })
}

/** Nothing where there is none. */
export function eraseSecret(path: string): void {
  try {
    withOpen(path, (descriptor) => {
      overwrite(descriptor)
      rmSync(path)
    })
    syncDirectory(dirname(path))
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw stateErrorOf(`cannot erase ${path}`, error)
  }
}

function withOpen(path: string, work: (descriptor: number) => void): void {
  const descriptor = openSync(path, 'r+')
  try {
    work(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function overwrite(descriptor: number): void {
  writeSync(descriptor, new Uint8Array(fstatSync(descriptor).size), 0)
  fsyncSync(descriptor)
}
