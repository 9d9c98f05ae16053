import { flushCompileCache } from 'node:module'
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { type Instant, invariant } from '@weft/base'
import { nativeCrypto } from '@weft/crypto'
import { bootMilliseconds, SystemError, WakeSignal } from '@weft/native'
import { Lane } from './lane.ts'
import { LaneError } from './lane-error.ts'
import { type LaneCommand, type LaneMessage, type LaneStart, type PortSource, wholeBuffer } from './lane-messages.ts'
import { PacketPort } from './packet-port.ts'
import { adoptTun, openTun, type TunDevice } from './tun-device.ts'

/*
 * The thread of one lane. Between `ready` and its end it does not return to the event loop, so nothing here may be
 * asynchronous. Messages it posts reach the main thread all the same.
 */
const outbox = parentPort
invariant(outbox !== null, 'a lane runs in a thread of its own')
run(workerData as LaneStart, (message) => outbox.postMessage(message, handedOver(message)))

function run(start: LaneStart, post: (message: LaneMessage) => void): void {
  const device = openPort(start.port, post)
  if (device !== undefined) {
    const lane = new Lane({
      port: device.port,
      wake: new WakeSignal(start.wakeFd),
      clock: () => bootMilliseconds() as Instant,
      crypto: nativeCrypto,
      memory: start.memory,
      heartbeatLimit: start.heartbeatLimit,
      receive: () => nextCommand(start.inbox),
      post,
    })
    post({ kind: 'ready', portName: device.name })
    // Else only a thread that ends keeps what it has compiled.
    flushCompileCache()
    runLane(lane, post)
  }
  start.inbox.close()
}

/** The datagrams of a run for a relay are the node's from then on. */
function handedOver(message: LaneMessage): ArrayBuffer[] {
  return message.kind === 'report' && message.report.kind === 'relayed' ? wholeBuffer(message.report.run.bytes) : []
}

function runLane(lane: Lane, post: (message: LaneMessage) => void): void {
  try {
    lane.run()
  } catch (error) {
    post({ kind: 'report', report: { kind: 'failed', reason: reasonOf(error) }, isBounded: false })
  } finally {
    lane.close()
  }
}

function openPort(source: PortSource, post: (message: LaneMessage) => void): TunDevice | undefined {
  try {
    if (source.kind === 'tun') return openTun(source.name, source.mtu, source.plain)
    if (source.kind === 'tun-fd') return adoptTun(source.fd)
    return { port: new PacketPort(source.fd), name: `fd ${source.fd}` }
  } catch (error) {
    if (error instanceof LaneError) post({ kind: 'refused', code: error.code, message: error.message })
    else post({ kind: 'refused', code: 'port-refused', message: `cannot use the packet port: ${reasonOf(error)}` })
    return undefined
  }
}

function nextCommand(inbox: MessagePort): LaneCommand | undefined {
  return (receiveMessageOnPort(inbox) as { message: LaneCommand } | undefined)?.message
}

function reasonOf(error: unknown): string {
  if (error instanceof SystemError) return `the packet port is gone: ${error.message}`
  return error instanceof Error ? `the fast path ended by a fault of its own: ${error.message}` : String(error)
}
