import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { LabProcess } from './lab-process.ts'

/** What passes an interface, while it is recorded. */
export class Capture {
  readonly #tcpdump: LabProcess
  readonly #file: string

  private constructor(tcpdump: LabProcess, file: string) {
    this.#tcpdump = tcpdump
    this.#file = file
  }

  /** Returns once it records. `filter` as of tcpdump. */
  static async start(namespace: string, interfaceName: string, file: string, filter: string): Promise<Capture> {
    const options = ['--immediate-mode', '-U', '-Z', 'root', '-n', '-B', '16384', '-i', interfaceName, '-w', file]
    const command = ['netns', 'exec', namespace, 'tcpdump', ...options, filter].filter((part) => part !== '')
    const tcpdump = new LabProcess(spawn('ip', command, { stdio: ['ignore', 'pipe', 'pipe'] }), `${file}.log`)
    await tcpdump.line(/listening on/)
    return new Capture(tcpdump, file)
  }

  /** The whole capture as a pcap file. */
  async stop(): Promise<Uint8Array> {
    await this.#tcpdump.stop('SIGINT')
    return new Uint8Array(readFileSync(this.#file))
  }
}
