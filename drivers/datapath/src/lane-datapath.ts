import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import { assertNever, type Duration, datagramCount, milliseconds } from '@weft/base'
import {
  type Datapath,
  type DatapathCommand,
  type DatapathReport,
  type DropCounters,
  Drops,
  HEARTBEAT_LIMIT,
  Meters,
  type PeerMeter,
  RELAYED_SLOTS,
  relayedSlots,
} from '@weft/datapath'
import { WakeSignal } from '@weft/native'
import type { PeerIndex } from '@weft/wireguard'
import { LaneError } from './lane-error.ts'
import {
  allocateLaneMemory,
  BEATS,
  CONSUMED,
  CONSUMED_RELAYED,
  type LaneCommand,
  type LaneMessage,
  type LaneStart,
  type PortSource,
  RECEIVED_RELAYED,
  wholeBuffer,
} from './lane-messages.ts'

interface LaneDatapathOptions {
  readonly port: PortSource
  readonly onReport: (report: DatapathReport) => void
  /** `HEARTBEAT_LIMIT` where absent. */
  readonly heartbeatLimit?: Duration
}

const YOUNG_GENERATION_MB = 3

/** The fast path on Linux: one lane in a thread of its own, seen from the main thread. */
export class LaneDatapath implements Datapath {
  readonly #memory = allocateLaneMemory()
  readonly #control = new Int32Array(this.#memory.control)
  readonly #meters = new Meters(this.#memory.meters)
  readonly #drops = new Drops(this.#memory.drops)
  readonly #wake = new WakeSignal()
  readonly #onReport: (report: DatapathReport) => void
  readonly #inbox: MessagePort
  readonly #ready: Promise<string>
  readonly #ended: Promise<void>
  #state: 'open' | 'closing' | 'ended' = 'open'
  #hasFailed = false
  /** Slots of what was posted from relays. */
  #postedRelayed = 0
  #lost = 0
  #portName = ''

  private constructor(options: LaneDatapathOptions) {
    this.#onReport = options.onReport
    const { port1, port2 } = new MessageChannel()
    this.#inbox = port1
    const start: LaneStart = {
      port: options.port,
      memory: this.#memory,
      heartbeatLimit: options.heartbeatLimit ?? milliseconds(HEARTBEAT_LIMIT),
      wakeFd: this.#wake.fd,
      inbox: port2,
    }
    const worker = new Worker(new URL('./lane-worker.ts', import.meta.url), {
      name: 'weft-lane',
      workerData: start,
      transferList: [port2],
      // It allocates next to nothing for packets, so that a young generation of usual size would only be memory.
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
    })
    this.#ready = new Promise((resolve, reject) => this.#listen(worker, resolve, reject))
    this.#ended = new Promise((resolve) => worker.once('exit', () => resolve(this.#onEnd())))
  }

  /**
   * A lane over a TUN or a descriptor, which it owns from then on. Rejects with a `LaneError`; nothing is left open then but
   * a descriptor that was handed in.
   */
  static async open(options: LaneDatapathOptions): Promise<LaneDatapath> {
    const datapath = new LaneDatapath(options)
    try {
      datapath.#portName = await datapath.#ready
      return datapath
    } catch (error) {
      await datapath.#ended
      throw error
    }
  }

  /** The TUN's name, as the system gave it. */
  get portName(): string {
    return this.#portName
  }

  /** Ignored after the end. */
  tell(command: DatapathCommand): void {
    if (this.#state !== 'open') return
    if (command.kind === 'receive-relayed') this.#postRelayed(command)
    else this.#post(command)
  }

  meter(peer: PeerIndex): PeerMeter {
    return this.#meters.meter(peer)
  }

  drops(): DropCounters {
    const drops = this.#drops.read()
    return { ...drops, 'ring-full': drops['ring-full'] + this.#lost }
  }

  beat(): void {
    Atomics.add(this.#control, BEATS, 1)
  }

  /** Resolves when the lane's thread has ended and everything it had open is closed. */
  close(): Promise<void> {
    if (this.#state === 'open') {
      this.#state = 'closing'
      this.#post({ kind: 'stop' })
    }
    return this.#ended
  }

  #post(command: LaneCommand, transfer: ArrayBuffer[] = []): void {
    this.#inbox.postMessage(command, transfer)
    this.#wake.ring()
  }

  /** What the lane has yet to take is bounded: a relay may bring more than it can open. */
  #postRelayed(command: Extract<DatapathCommand, { kind: 'receive-relayed' }>): void {
    const { run } = command
    const posted = (this.#postedRelayed + relayedSlots(run)) | 0
    if (((posted - Atomics.load(this.#control, RECEIVED_RELAYED)) | 0) > RELAYED_SLOTS) {
      this.#lost += datagramCount(run)
      return
    }
    this.#postedRelayed = posted
    this.#post(command, wholeBuffer(run.bytes))
  }

  #listen(worker: Worker, resolve: (portName: string) => void, reject: (error: LaneError) => void): void {
    worker.on('message', (message: LaneMessage) => {
      switch (message.kind) {
        case 'ready':
          resolve(message.portName)
          break
        case 'refused':
          reject(new LaneError(message.code, message.message))
          break
        case 'report':
          this.#onLaneReport(message.report, message.isBounded)
          break
        default:
          assertNever(message)
      }
    })
    worker.once('error', (cause: Error) => {
      reject(new LaneError('lane-broken', `the fast path did not start: ${cause.message}`, { cause }))
      this.#fail(`the fast path ended by a fault of its own: ${cause.message}`)
    })
  }

  #onLaneReport(report: DatapathReport, isBounded: boolean): void {
    if (isBounded && report.kind === 'relayed') Atomics.add(this.#control, CONSUMED_RELAYED, relayedSlots(report.run))
    else if (isBounded) Atomics.add(this.#control, CONSUMED, 1)
    if (this.#state !== 'open') return
    if (report.kind === 'failed') this.#fail(report.reason)
    else this.#onReport(report)
  }

  #fail(reason: string): void {
    if (this.#hasFailed || this.#portName === '') return
    this.#hasFailed = true
    this.#onReport({ kind: 'failed', reason })
  }

  #onEnd(): void {
    if (this.#state === 'open') this.#fail('the fast path ended')
    this.#state = 'ended'
    this.#inbox.close()
    this.#wake.close()
  }
}
