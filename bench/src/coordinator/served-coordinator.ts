import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { callControl } from '@weft/control-socket'
import { freePort } from '@weft/testing'

const CLI = join(import.meta.dirname, '../../../apps/cli/src/main.ts')

/** `weft serve --no-node` in a process of its own, that can be killed and started again on the same port. */
export class ServedCoordinator {
  readonly #directory = mkdtempSync(join(tmpdir(), 'weft-bench-'))
  readonly #port: number
  #child: ChildProcess | undefined

  private constructor(port: number) {
    this.#port = port
  }

  static async start(): Promise<ServedCoordinator> {
    const coordinator = new ServedCoordinator(await freePort('tcp'))
    await coordinator.start()
    return coordinator
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#port}/v1/channel`
  }

  /** Resolves when it answers. */
  async start(): Promise<void> {
    const child = spawn(
      process.execPath,
      [CLI, 'serve', '--no-node', '--json', '--state', this.#directory, '--listen', `127.0.0.1:${this.#port}`],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    )
    this.#child = child
    await once(createInterface(child.stdout), 'line')
  }

  async kill(): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  async createLink(): Promise<string> {
    const created = await callControl(join(this.#directory, 'coordinator.sock'), 'link-create', { reusable: true })
    return (created as { readonly link: string }).link
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  async stop(): Promise<void> {
    await this.kill()
    rmSync(this.#directory, { recursive: true, force: true })
  }
}
