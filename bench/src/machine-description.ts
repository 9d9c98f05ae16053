import { cpus, loadavg, release, totalmem } from 'node:os'

/** What the figures were taken on. */
export function describeMachine(): string {
  const [first] = cpus()
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${cpus().length} × ${first?.model ?? 'unknown processor'}, ${memory} GiB, Linux ${release()}, Node.js ${process.versions.node}`
}

/** How busy it was with other things during the last minute: figures of a machine that is not quiet say little. */
export function describeLoad(): string {
  return `load ${(loadavg()[0] ?? 0).toFixed(2)} before the start`
}
