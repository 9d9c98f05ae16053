import type { ChildProcess } from 'node:child_process'
import { closeSync, openSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { until } from './until.ts'

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface Outcome extends Exit {
  readonly stdout: string
  readonly stderr: string
}

/** A program that runs on a machine of the lab, with what it said so far. */
export class LabProcess {
  readonly pid: number
  readonly exited: Promise<Exit>
  readonly #child: ChildProcess
  readonly #lines: string[] = []
  #exit: Exit | undefined

  /** @param log also gets everything it says. */
  constructor(child: ChildProcess, log: string) {
    this.#child = child
    this.pid = child.pid ?? -1
    const file = openSync(log, 'a')
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue
      stream.on('data', (chunk: Buffer) => writeSync(file, chunk))
      createInterface({ input: stream as Readable }).on('line', (line) => this.#lines.push(line))
    }
    this.exited = new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code, signal) => {
        closeSync(file)
        this.#exit = { code, signal }
        resolve(this.#exit)
      })
    })
    // Whoever cares awaits it.
    this.exited.catch(() => {})
  }

  /** Of stdout and stderr, in the order they came. */
  get lines(): readonly string[] {
    return this.#lines
  }

  get isRunning(): boolean {
    return this.#exit === undefined
  }

  /** Waits for a line that matches; fails at once when the program ends without one. */
  async line(pattern: RegExp, options: { readonly timeout?: number } = {}): Promise<RegExpExecArray> {
    const found = await until(
      `a line like ${pattern} of process ${this.pid}`,
      () => {
        const match = this.#lines.map((line) => pattern.exec(line)).find((found) => found !== null)
        return match ?? (this.#exit === undefined ? undefined : 'ended')
      },
      options,
    ).catch((error: Error) => {
      throw new Error(`${error.message}; it said:\n${this.#lines.join('\n')}`)
    })
    if (found === 'ended') throw new Error(`ended without a line like ${pattern}; it said:\n${this.#lines.join('\n')}`)
    return found
  }

  write(text: string): void {
    this.#child.stdin?.write(text)
  }

  /** Sends the signal and waits for the end. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    if (this.isRunning) this.#child.kill(signal)
    return this.exited
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }
}
