import { existsSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { system, trySystem } from './system-command.ts'

/*
 * What a lab leaves on the machine while it lives. All of it carries the number of the process that made it, so that the
 * next lab can tell what belongs to a dead one:
 *
 *   /run/netns/weft-PID-N-NAME            namespaces, and in them interfaces and processes
 *   /etc/netns/weft-PID-N-NAME/           what `ip netns exec` mounts over /etc
 *   TMPDIR/weft-lab-PID-N/                the machines' files
 */
const NAMESPACES = '/run/netns'
export const NAMESPACE_FILES = '/etc/netns'
const OURS = /^weft-(?:lab-|linux-)?(\d+)(?:-|$)/

export const namespaceName = (pid: number, lab: number, name: string): string => `weft-${pid}-${lab}-${name}`
export const directoryOf = (pid: number, lab: number): string => join(tmpdir(), `weft-lab-${pid}-${lab}`)

/** Takes down what is left of labs whose process is dead. */
export function sweepDeadLabs(): void {
  for (const name of list(NAMESPACES)) if (isOfTheDead(name)) removeNamespace(name)
  for (const name of list(NAMESPACE_FILES)) if (isOfTheDead(name)) remove(join(NAMESPACE_FILES, name))
  for (const name of list(tmpdir())) if (isOfTheDead(name)) remove(join(tmpdir(), name))
}

export function addNamespace(name: string): void {
  system('ip', 'netns', 'add', name)
  system('ip', '-n', name, 'link', 'set', 'lo', 'up')
}

/** Kills everything in the namespace, then takes it away with its interfaces. */
export function removeNamespace(name: string): void {
  if (existsSync(join(NAMESPACES, name))) {
    killProcesses(name)
    trySystem('ip', 'netns', 'delete', name)
  }
  remove(join(NAMESPACE_FILES, name))
}

/** Kills until nothing is left, for a process may fork while it is looked for. */
export function killProcesses(namespace: string): void {
  for (let round = 0; round < 100; round++) {
    const pids = processesIn(namespace)
    if (pids.length === 0) return
    for (const pid of pids) kill(pid)
    // Killed processes are listed until they are gone; this takes the while that they need.
    trySystem('sleep', '0.01')
  }
}

export function processesIn(namespace: string): readonly number[] {
  return trySystem('ip', 'netns', 'pids', namespace).split('\n').filter(Boolean).map(Number)
}

export function remove(path: string): void {
  rmSync(path, { recursive: true, force: true })
}

function isOfTheDead(name: string): boolean {
  const pid = Number(OURS.exec(name)?.[1])
  if (!Number.isSafeInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Gone meanwhile.
  }
}

function list(path: string): readonly string[] {
  return existsSync(path) ? readdirSync(path) : []
}
