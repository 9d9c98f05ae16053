import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, type LogFields, type Logger, wallTime } from '@weft/base'
import { systemClock } from '@weft/linux'
import { type CoordinatorOptions, type RunningCoordinator, startCoordinator } from '../src/index.ts'

/** A state directory with a coordinator on a port of its own; both go at the end of the test. */
export class TestCoordinator {
  readonly directory = mkdtempSync(join(tmpdir(), 'weft-coordinator-'))
  readonly log: string[] = []
  /** Added to the wall clock, in ms. */
  wallShift = 0
  #running: RunningCoordinator | undefined

  static async start(options: Partial<CoordinatorOptions> = {}): Promise<TestCoordinator> {
    const test = new TestCoordinator()
    await test.start(options)
    return test
  }

  get running(): RunningCoordinator {
    if (this.#running === undefined) throw new Error('not running')
    return this.#running
  }

  get port(): number {
    return this.running.address.port
  }

  get path(): string {
    return join(this.directory, 'coordinator.db')
  }

  async start(options: Partial<CoordinatorOptions> = {}): Promise<void> {
    this.#running = await startCoordinator({
      stateDirectory: this.directory,
      listen: { host: '127.0.0.1', port: 0 },
      logger: this.#logger(),
      clock: this.#clock,
      ...options,
    })
  }

  async link(wish?: Parameters<RunningCoordinator['createLink']>[0]): Promise<string> {
    return (await this.running.createLink(wish)).link
  }

  async stop(): Promise<void> {
    await this.#running?.close()
    this.#running = undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    rmSync(this.directory, { recursive: true, force: true })
  }

  readonly #clock: Clock = () => {
    const now = systemClock()
    return { ...now, wall: wallTime(now.wall + this.wallShift) }
  }

  #logger(): Logger {
    const write = (level: string) => (event: string, fields?: LogFields) => {
      this.log.push(`${level} ${event} ${JSON.stringify(fields ?? {})}`)
    }
    return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
  }
}
