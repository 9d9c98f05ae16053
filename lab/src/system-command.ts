import { spawnSync } from 'node:child_process'

/** A tool of the system failed while the lab was built or taken down. */
export class LabError extends Error {
  override readonly name = 'LabError'
}

/** Runs to its end. Only for what is done at once, such as `ip`: everything else of the program waits meanwhile. */
export function system(command: string, ...args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' })
  if (error !== undefined || status !== 0)
    throw new LabError(`${command} ${args.join(' ')}: ${(error?.message ?? stderr).trim()}`)
  return stdout
}

/** For taking down: what is gone already is no failure. */
export function trySystem(command: string, ...args: readonly string[]): string {
  const { stdout } = spawnSync(command, args, { encoding: 'utf8' })
  return stdout ?? ''
}
