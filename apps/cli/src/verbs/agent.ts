import { flushCompileCache } from 'node:module'
import type { RunningAgent } from '@weft/agent'
import type { ListenAddress } from '../arguments.ts'
import { lineLogger } from '../line-logger.ts'
import { expectPassingBuffers } from '../passing-buffers.ts'
import { hasMembership, socketToListenAt, stateDirectory } from '../places.ts'
import { reportEnd, stopSignal, untilAborted } from '../stop-signal.ts'
import { note } from '../terminal.ts'

interface AgentVerbOptions {
  readonly state?: string
  readonly socket?: string
  readonly tun?: string
  readonly port?: number
  readonly dns?: boolean
  readonly metrics?: ListenAddress
  readonly endsOnDown?: boolean
}

/** Runs until it is told to stop, or has ended by itself. */
export async function agent(options: AgentVerbOptions): Promise<void> {
  const signal = stopSignal()
  expectPassingBuffers()
  const [{ runAgent }, { ServiceManager }] = await Promise.all([import('@weft/agent'), import('@weft/linux')])
  const manager = new ServiceManager()
  const running = await runAgent({
    stateDirectory: stateDirectory(options.state),
    socket: socketToListenAt(options.socket),
    tun: options.tun ?? DEFAULT_TUN,
    ...(options.port === undefined ? {} : { port: options.port }),
    ...(options.endsOnDown ? { endsOnDown: true } : {}),
    tellsResolver: options.dns ?? true,
    logger: lineLogger('agent'),
  })
  const listener = await answerMetrics(options.metrics, running)
  manager.ready()
  // Else some other program started it.
  if (process.stdin.isTTY && !hasMembership(stateDirectory(options.state)))
    note('The agent runs; this device belongs to no mesh yet: sudo weft up LINK')
  setTimeout(flushCompileCache, SETTLED).unref()
  await Promise.race([untilAborted(signal), running.done])
  manager.stopping()
  await listener?.[Symbol.asyncDispose]()
  await running.close()
  reportEnd(signal)
}

async function answerMetrics(
  at: ListenAddress | undefined,
  running: RunningAgent,
): Promise<AsyncDisposable | undefined> {
  if (at === undefined) return undefined
  const { serveMetrics } = await import('../metrics-server.ts')
  try {
    return await serveMetrics(at, () => running.metrics())
  } catch (error) {
    await running.close()
    throw error
  }
}

const DEFAULT_TUN = 'weft0'
/** In ms: then nobody waits for the start any more. Node.js itself keeps compiled code only at a process's end. */
const SETTLED = 3_000
