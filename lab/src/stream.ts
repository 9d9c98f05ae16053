import { setTimeout as sleep } from 'node:timers/promises'
import type { LabProcess } from './lab-process.ts'
import type { MeshNode } from './mesh.ts'

const EVERY_MS = 10
/** So many answers without a pause, and the stream is taken to flow. */
const STEADY = 100
const STEADY_PAUSE_MS = 100
const PATIENCE_MS = 30_000
const ANSWER = /^\[(\d+\.\d+)\] .*icmp_seq=(\d+) .*time=([\d.]+) ms$/

interface Answer {
  /** Counts from 1. */
  readonly number: number
  /** Wall clock, ms. */
  readonly at: number
  readonly roundTrip: number
}

export interface StreamReport {
  /** Packets without an answer, up to the last that was answered. */
  readonly lost: number
  /** Between two answers, ms; 10 where nothing happens. */
  readonly longestGap: number
}

/** A hundred packets a second through the tunnel, each answered by the other's kernel: what is lost in either direction counts. */
export class Stream {
  /** Wall clock of its begin, ms. */
  readonly begun = Date.now()
  readonly #ping: LabProcess

  constructor(from: MeshNode, to: MeshNode) {
    this.#ping = from.machine.spawn('ping', '-n', '-D', '-i', String(EVERY_MS / 1000), to.v4)
  }

  /** From the first packet to the first answer, ms. */
  async first(): Promise<number> {
    await this.#ping.line(ANSWER, { timeout: PATIENCE_MS })
    const [first] = this.#answers()
    if (first === undefined) throw new Error('an answer was seen')
    return (first.number - 1) * EVERY_MS + first.roundTrip
  }

  /** Waits until it has flowed for a second. */
  async flows(): Promise<void> {
    const end = Date.now() + PATIENCE_MS
    while (!isSteady(this.#answers().slice(-STEADY))) {
      if (Date.now() > end) throw new Error(`nothing flows any more:\n${this.#ping.lines.slice(-5).join('\n')}`)
      await sleep(STEADY_PAUSE_MS)
    }
  }

  async stop(): Promise<StreamReport> {
    await this.#ping.stop('SIGINT')
    const answers = this.#answers()
    const numbers = new Set(answers.map(({ number }) => number))
    const gaps = answers.slice(1).map(({ at }, i) => at - (answers[i]?.at ?? at))
    return { lost: Math.max(...numbers) - numbers.size, longestGap: Math.max(...gaps) }
  }

  #answers(): readonly Answer[] {
    return this.#ping.lines.flatMap((line) => {
      const [, at, number, roundTrip] = ANSWER.exec(line) ?? []
      return at === undefined ? [] : [{ number: Number(number), at: Number(at) * 1000, roundTrip: Number(roundTrip) }]
    })
  }
}

function isSteady(last: readonly Answer[]): boolean {
  const [first] = last
  if (first === undefined || last.length < STEADY) return false
  const isFresh = Date.now() - first.at < STEADY * EVERY_MS * 2
  return isFresh && last.every(({ at }, i) => at - (last[i - 1]?.at ?? at) < STEADY_PAUSE_MS)
}
