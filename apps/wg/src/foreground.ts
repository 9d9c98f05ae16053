import { closeSync, writeSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { assertNever, CoreRunner, type Logger } from '@weft/base'
import { nativeCrypto, systemRandom } from '@weft/crypto'
import type { DatapathReport } from '@weft/datapath'
import { LaneDatapath } from '@weft/lane'
import { InterfaceMtu, systemAlarm, systemClock } from '@weft/linux'
import { WgDevice, type WgInput, type WgOutput } from '@weft/wg-config'
import { READY } from './background.ts'
import { ConfigSocket, socketPath } from './config-socket.ts'
import { logTo } from './log.ts'
import type { WgOptions } from './wg-options.ts'

/** As all implementations have it: what remains of 1,500 for an IPv6 underlay. */
const DEFAULT_MTU = 1420
const HEARTBEAT_EVERY_MS = 1_000
/** Then everything has been loaded; what was compiled is kept for the next start. */
const SETTLED_MS = 1_000

/** Serves the interface until it or its socket is deleted, or a signal comes, and leaves nothing behind. */
export async function runInForeground(options: WgOptions): Promise<void> {
  const logger = logTo(options.name, options.logLevel, (line) => process.stderr.write(line))
  try {
    const program = await WgProgram.start(options, logger)
    tell(options.readyFd, READY)
    setTimeout(flushCompileCache, SETTLED_MS).unref()
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => program.end(signal))
    await program.ended
  } catch (error) {
    tell(options.readyFd, error instanceof Error ? error.message : String(error))
    throw error
  }
}

function tell(readyFd: number | undefined, words: string): void {
  if (readyFd === undefined) return
  try {
    writeSync(readyFd, words)
    closeSync(readyFd)
  } catch {
    // Who waited for it is gone.
  }
}

/** A `WgDevice` with its fast path and its socket: moves what the one tells to the other. */
class WgProgram {
  readonly ended: Promise<void>
  readonly #logger: Logger
  readonly #datapath: LaneDatapath
  readonly #runner: CoreRunner<WgInput, WgOutput>
  readonly #alarm = systemAlarm()
  readonly #heartbeat: NodeJS.Timeout
  readonly #mtu: InterfaceMtu
  readonly #resolve: () => void
  #socket: ConfigSocket | undefined
  #isEnding = false

  private constructor(name: string, datapath: LaneDatapath, logger: Logger) {
    this.#mtu = new InterfaceMtu(name)
    this.#datapath = datapath
    this.#logger = logger
    const { promise, resolve } = Promise.withResolvers<void>()
    this.ended = promise
    this.#resolve = resolve
    const random = systemRandom
    this.#runner = new CoreRunner({
      core: new WgDevice({ crypto: nativeCrypto, random, meters: datapath, mtu: DEFAULT_MTU }),
      clock: systemClock,
      alarm: this.#alarm,
      act: (output) => this.#act(output),
    })
    this.#beat()
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_EVERY_MS)
  }

  static async start(options: WgOptions, logger: Logger): Promise<WgProgram> {
    const { name, tunFd, uapiFd } = options
    let program: WgProgram | undefined
    const early: DatapathReport[] = []
    const datapath = await LaneDatapath.open({
      port: tunFd === undefined ? { kind: 'tun', name, mtu: DEFAULT_MTU } : { kind: 'tun-fd', fd: tunFd },
      onReport: (report) => {
        if (program === undefined) early.push(report)
        else program.#tell({ kind: 'report', report })
      },
    })
    program = new WgProgram(datapath.portName, datapath, logger)
    const started = program
    for (const report of early) started.#tell({ kind: 'report', report })
    try {
      started.#socket = await ConfigSocket.open({
        path: socketPath(datapath.portName),
        fd: uapiFd,
        onRequest: (client, request) => started.#tell({ kind: 'request', client, request }),
        onDeleted: () => started.end('the socket was deleted'),
      })
    } catch (error) {
      started.end('no socket')
      await started.ended
      throw error
    }
    // The interface may have been deleted meanwhile.
    if (started.#isEnding) started.#socket.close()
    logger.info('serving')
    return started
  }

  /** Takes the socket and the interface away. Harmless when called again. */
  end(reason: string): void {
    if (this.#isEnding) return
    this.#isEnding = true
    this.#logger.info('ending', { reason })
    clearInterval(this.#heartbeat)
    this.#mtu.close()
    this.#alarm.set(undefined, () => undefined)
    this.#socket?.close()
    void this.#datapath.close().then(this.#resolve)
  }

  /** In another namespace the MTU stays what it was last. */
  #beat(): void {
    this.#datapath.beat()
    const mtu = this.#mtu.read()
    if (mtu !== undefined) this.#tell({ kind: 'mtu', mtu })
  }

  #tell(input: WgInput): void {
    if (!this.#isEnding) this.#runner.tell(input)
    if (this.#isEnding) this.#alarm.set(undefined, () => undefined)
  }

  #act(output: WgOutput): void {
    switch (output.kind) {
      case 'datapath':
        this.#datapath.tell(output.command)
        return
      case 'answer':
        this.#socket?.answer(output.client, output.text, output.isLast)
        return
      case 'log':
        this.#logger[output.level](output.event, output.fields)
        return
      case 'ended':
        this.end(output.reason)
        return
      default:
        assertNever(output)
    }
  }
}
