import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { CliError } from '../failure.ts'
import { isRoot } from '../places.ts'
import { type ServicePart, unitName } from './units.ts'

/** systemd of this machine, or of a system that lies below a directory and does not run. */
export class Systemd {
  readonly #root: string

  constructor(root: string) {
    this.#root = root
  }

  get isRunning(): boolean {
    return this.#root === '/' && existsSync('/run/systemd/system')
  }

  /** Of the administrator; a package's own lie elsewhere. */
  unitPath(part: ServicePart): string {
    return join(this.#root, 'etc/systemd/system', unitName(part))
  }

  packagedPath(part: ServicePart): string | undefined {
    return ['usr/lib/systemd/system', 'lib/systemd/system']
      .map((folder) => join(this.#root, folder, unitName(part)))
      .find((path) => existsSync(path))
  }

  /** @throws {CliError} `no-systemd`, `not-root`. */
  require(): void {
    if (!isRoot()) throw new CliError('not-root', 'only root may change services; try it with sudo')
    if (spawnSync('systemctl', ['--version'], { stdio: 'ignore' }).status !== 0)
      throw new CliError(
        'no-systemd',
        'this machine has no systemd; have its own service manager run: weft agent, or: weft serve --no-node',
      )
  }

  async install(part: ServicePart, text: string): Promise<void> {
    const { writeFileAtomic } = await import('@weft/state')
    const path = this.unitPath(part)
    mkdirSync(join(path, '..'), { recursive: true })
    writeFileAtomic(path, text, 0o644)
    this.#do('enable', unitName(part))
    if (!this.isRunning) return
    this.#do('daemon-reload')
    this.#do('restart', unitName(part))
  }

  remove(part: ServicePart): void {
    if (this.isRunning) this.#do('stop', unitName(part))
    this.#do('disable', unitName(part))
    rmSync(this.unitPath(part), { force: true })
    if (this.isRunning) this.#do('daemon-reload')
  }

  /** `enabled`, `disabled`, …; in systemd's own words. */
  enablement(part: ServicePart): string {
    return this.#ask('is-enabled', unitName(part))
  }

  /** `active`, `failed`, …; `unknown` where systemd does not run. */
  activity(part: ServicePart): string {
    return this.isRunning ? this.#ask('is-active', unitName(part)) : 'unknown'
  }

  #ask(...args: readonly string[]): string {
    const { stdout } = spawnSync('systemctl', this.#arguments(args), { encoding: 'utf8' })
    return stdout?.trim() || 'unknown'
  }

  #do(...args: readonly string[]): void {
    const { status, stderr, error } = spawnSync('systemctl', this.#arguments(args), { encoding: 'utf8' })
    if (status === 0) return
    const words = (error?.message ?? stderr).trim().split('\n')[0]
    throw new CliError(
      'systemd-refused',
      `systemctl ${args.join(' ')} failed: ${words}; see journalctl -u ${args.at(-1)}`,
    )
  }

  #arguments(args: readonly string[]): readonly string[] {
    return this.#root === '/' ? args : ['--root', this.#root, ...args]
  }
}
