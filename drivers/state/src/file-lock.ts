import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { tryLock } from '@weft/native'
import { StateError, stateErrorOf } from './state-error.ts'

/** Held until released, or until the process ends in whatever way. The file stays: removing it would let two hold it. */
export interface FileLock extends Disposable {
  readonly path: string
  release(): void
}

/**
 * Takes the lock, and writes this process's id into it for others to name.
 * @throws {StateError} `state-locked` while another process, or another part of this one, holds it.
 */
export function lockFile(path: string): FileLock {
  const descriptor = openLock(path)
  try {
    if (!tryLock(descriptor)) throw lockedError(path)
    ftruncateSync(descriptor)
    writeSync(descriptor, `${process.pid}\n`, 0)
  } catch (error) {
    closeSync(descriptor)
    throw stateErrorOf(`cannot lock ${path}`, error)
  }
  return heldLock(path, descriptor)
}

function openLock(path: string): number {
  try {
    return openSync(path, 'a+', 0o600)
  } catch (error) {
    throw stateErrorOf(`cannot lock ${path}`, error)
  }
}

function heldLock(path: string, descriptor: number): FileLock {
  let held = true
  const release = () => {
    if (!held) return
    held = false
    ftruncateSync(descriptor)
    closeSync(descriptor)
  }
  return { path, release, [Symbol.dispose]: release }
}

function lockedError(path: string): StateError {
  const pid = readFileSync(path, 'utf8').trim()
  const holder = /^\d{1,10}$/.test(pid) ? `process ${pid}` : 'another process'
  return new StateError(
    'state-locked',
    `${path} is held by ${holder}; stop that one first, or choose another --state DIR`,
  )
}
