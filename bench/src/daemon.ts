import { readFileSync } from 'node:fs'

/** USER_HZ, which is 100 on every Linux there is. */
const TICKS_A_SECOND = 100

/** What a program and its children have used of the processors so far, in user mode and in the kernel. */
export function cpuSeconds(pid: number): number {
  return processesOf(pid).reduce((sum, each) => sum + ticks(each), 0) / TICKS_A_SECOND
}

/** Memory of a program and its children that nobody shares, in bytes. */
export function privateMemory(pid: number): number {
  return processesOf(pid).reduce((sum, each) => sum + privateBytes(each), 0)
}

function processesOf(pid: number): readonly number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
  return [pid, ...children.flatMap(processesOf)]
}

/** `utime` and `stime`, the 14th and 15th field of proc_pid_stat(5); the second is a name in parentheses. */
function ticks(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}

function privateBytes(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  return (
    [...text.matchAll(/^Private_\w+:\s+(\d+) kB$/gm)].reduce((sum, [, kibibytes]) => sum + Number(kibibytes), 0) * 1024
  )
}
