import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { WgError } from './wg-error.ts'
import { READY_FD, type WgOptions } from './wg-options.ts'

/** What the process in the background says when it answers. */
export const READY = 'ready\n'

/**
 * Starts the interface in a process of its own and returns once that answers at its socket.
 * @throws {WgError} `failed`, with its own last words.
 */
export async function runInBackground(options: WgOptions): Promise<void> {
  const { tunFd, uapiFd } = options
  const readyFd = 1 + Math.max(2, tunFd ?? 0, uapiFd ?? 0)
  const log = options.hasLogLevel && options.logLevel !== 'silent' ? 'inherit' : 'ignore'
  const stdio: StdioOptions = Array.from({ length: readyFd + 1 }, (_, fd) => {
    if (fd === tunFd || fd === uapiFd) return fd
    return fd === readyFd ? 'pipe' : 'ignore'
  })
  stdio[1] = stdio[2] = log
  const [, program = ''] = process.argv
  const child = spawn(process.execPath, [...process.execArgv, program, 'wg', '--foreground', options.name], {
    cwd: '/',
    detached: true,
    stdio,
    env: { ...process.env, [READY_FD]: String(readyFd) },
  })
  const said = await lastWords(child, child.stdio[readyFd] as Readable)
  if (said !== READY) throw new WgError('failed', said.trim() || `${options.name} did not start`)
  child.unref()
}

function lastWords(child: ChildProcess, words: Readable): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.once('error', reject)
    words.setEncoding('utf8')
    words.on('data', (more: string) => {
      text += more
      if (text === READY) words.destroy()
    })
    words.once('close', () => resolve(text))
  })
}
