import { chmodSync, closeSync, existsSync, lstatSync, mkdirSync, openSync, unlinkSync } from 'node:fs'
import { connect, type Server } from 'node:net'
import { dirname } from 'node:path'
import { tryLock } from '@weft/native'
import { ControlError, systemCode } from './control-error.ts'
import { checkPath } from './socket-length.ts'

/** Every caller must be able to pass the directory; the socket's own mode and SO_PEERCRED decide who gets in. */
const DIRECTORY_MODE = 0o755

/**
 * Listens at the path. A socket file that nobody listens at is replaced.
 * @throws {ControlError} `socket-busy` where somebody does; `socket-unusable` where the path cannot be had.
 */
export async function listenAt(server: Server, path: string, mode: number): Promise<void> {
  checkPath(path)
  const directory = openDirectory(dirname(path))
  try {
    // Two that start at once would each take the other's fresh socket for a stale one.
    if (!tryLock(directory)) throw busy(path)
    await removeStale(path)
    await bindWithMode(server, path, mode)
  } catch (error) {
    throw unusable(path, error)
  } finally {
    closeSync(directory)
  }
}

function openDirectory(path: string): number {
  try {
    if (!existsSync(path)) mkdirSync(path, { mode: DIRECTORY_MODE })
    return openSync(path, 'r')
  } catch (error) {
    throw unusable(path, error)
  }
}

async function removeStale(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return
  if (!found.isSocket())
    throw new ControlError('socket-unusable', `${path} exists and is no socket; it was left alone; choose another path`)
  if (await isListening(path)) throw busy(path)
  unlinkSync(path)
}

function isListening(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', (error) => {
      const code = systemCode(error)
      if (code === 'ECONNREFUSED' || code === 'ENOENT') resolve(false)
      // A full backlog belongs to somebody who listens.
      else if (code === 'EAGAIN') resolve(true)
      else reject(error)
    })
  })
}

function bindWithMode(server: Server, path: string, mode: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    // Between bind and chmod nobody but the owner may connect.
    const before = process.umask(0o177)
    try {
      server.listen(path, () => {
        server.off('error', reject)
        chmodSync(path, mode)
        resolve()
      })
    } finally {
      process.umask(before)
    }
  })
}

function busy(path: string): ControlError {
  return new ControlError(
    'socket-busy',
    `another weft answers at ${path}; stop that one first, or choose another --socket PATH`,
  )
}

function unusable(path: string, error: unknown): ControlError {
  if (error instanceof ControlError) return error
  const code = systemCode(error) ?? String(error)
  const why =
    {
      EACCES: 'no permission; run it as root or choose another path',
      EPERM: 'no permission; run it as root or choose another path',
      ENOENT: 'the directory above it is missing; make it or choose another path',
      ENOTDIR: 'a file is where its directory should be; choose another path',
      EROFS: 'the file system is read-only; choose another path',
    }[code] ?? code
  return new ControlError('socket-unusable', `cannot listen at ${path}: ${why}`, error)
}
