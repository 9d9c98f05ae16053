import { cpus, release, totalmem } from 'node:os'

/** What the figures were taken on. */
export function describeMachine(): string {
  const [first] = cpus()
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${cpus().length} × ${first?.model ?? 'unknown processor'}, ${memory} GiB, Linux ${release()}, Node.js ${process.versions.node}`
}
