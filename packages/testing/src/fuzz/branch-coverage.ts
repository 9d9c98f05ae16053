import { readFileSync } from 'node:fs'
import { type Profiler, Session } from 'node:inspector'
import { fileURLToPath } from 'node:url'

export interface BranchReport {
  readonly covered: number
  readonly total: number
  /** `FILE:LINE` of each block that was not entered. */
  readonly missed: readonly string[]
}

/**
 * V8's own count of the blocks that ran while it was on. Types are blanked out of TypeScript and nothing is moved,
 * so offsets are those of the source.
 */
export class BranchCoverage implements Disposable {
  readonly #session = new Session()

  constructor() {
    this.#session.connect()
    this.#session.post('Profiler.enable')
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  /** Of the files whose path ends in one of these, or lies under one that ends in a slash. */
  report(sources: readonly string[]): BranchReport {
    let scripts: readonly Profiler.ScriptCoverage[] = []
    // A session with its own thread answers before `post` returns.
    this.#session.post('Profiler.takePreciseCoverage', (error, answer) => {
      if (error !== null) throw error
      scripts = answer.result
    })
    const blocks = scripts.filter(({ url }) => sources.some((source) => isOf(url, source))).flatMap(blocksOf)
    const missed = blocks.filter(({ count }) => count === 0).map(({ place }) => place)
    return { covered: blocks.length - missed.length, total: blocks.length, missed: [...new Set(missed)] }
  }

  [Symbol.dispose](): void {
    this.#session.post('Profiler.stopPreciseCoverage')
    this.#session.disconnect()
  }
}

const isOf = (url: string, source: string): boolean =>
  source.endsWith('/') ? url.includes(`/${source}`) : url.endsWith(`/${source}`)

function blocksOf({ url, functions }: Profiler.ScriptCoverage): readonly { count: number; place: string }[] {
  const path = fileURLToPath(url)
  const text = readFileSync(path, 'utf8')
  return functions
    .filter(({ ranges }) => ranges[0]?.startOffset !== 0)
    .flatMap(({ ranges }) =>
      ranges.map(({ startOffset, count }) => ({
        count,
        place: `${path.split('/').at(-1)}:${text.slice(0, startOffset).split('\n').length}`,
      })),
    )
}
