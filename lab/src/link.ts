import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { LabProcess } from './lab-process.ts'
import { system } from './system-command.ts'

const PROGRAM = join(import.meta.dirname, 'link-process.ts')

/** What a cable does to the frames that pass it, each way. Times in milliseconds, fractions from 0 to 1. */
export interface LinkWeather {
  readonly delay?: number
  /** Up to so much on top of the delay, for each frame anew; in order, but for what overtakes. */
  readonly jitter?: number
  /** The fraction that takes the delay alone, and so overtakes what was held up. */
  readonly overtaking?: number
  /** 1: nothing passes. */
  readonly loss?: number
  /** Bits a second; a tenth of a second waits at most. */
  readonly rate?: number
  /** IP packets longer than that are lost, and nobody is told. */
  readonly mtu?: number
}

/**
 * A piece of cable with a weather of its own, between two TAP ports of one namespace: in user space, for the kernel may have
 * no netem. The same seed makes the same weather.
 */
export class Link {
  readonly #process: LabProcess
  #told = 0

  private constructor(process: LabProcess) {
    this.#process = process
  }

  /** Makes both ports, and returns once frames pass. */
  static async create(
    namespace: string,
    ports: readonly [string, string],
    options: { readonly log: string; readonly seed: number },
  ): Promise<Link> {
    for (const port of ports) {
      system('ip', '-n', namespace, 'tuntap', 'add', 'dev', port, 'mode', 'tap')
      system('ip', '-n', namespace, 'link', 'set', port, 'up')
    }
    const command = ['netns', 'exec', namespace, process.execPath, PROGRAM, String(options.seed), ...ports]
    const link = new Link(new LabProcess(spawn('ip', command, { stdio: 'pipe' }), options.log))
    await link.#process.line(/^ready$/)
    return link
  }

  /** Replaces the weather of both ways; returns once it is so. */
  async set(weather: LinkWeather): Promise<void> {
    this.#process.write(`${JSON.stringify(weather)}\n`)
    await this.#process.line(new RegExp(`^set ${++this.#told}$`))
  }
}
