import { flushCompileCache } from 'node:module'
import { lineLogger } from '../line-logger.ts'
import { socketToListenAt, stateDirectory } from '../places.ts'
import { reportEnd, stopSignal, untilAborted } from '../stop-signal.ts'

interface AgentVerbOptions {
  readonly state?: string
  readonly socket?: string
  readonly tun?: string
  readonly port?: number
  readonly endsOnDown?: boolean
}

/** Runs until it is told to stop, or has ended by itself. */
export async function agent(options: AgentVerbOptions): Promise<void> {
  const signal = stopSignal()
  const { runAgent } = await import('@weft/agent')
  const running = await runAgent({
    stateDirectory: stateDirectory(options.state),
    socket: socketToListenAt(options.socket),
    tun: options.tun ?? DEFAULT_TUN,
    ...(options.port === undefined ? {} : { port: options.port }),
    ...(options.endsOnDown ? { endsOnDown: true } : {}),
    logger: lineLogger('agent'),
  })
  setTimeout(flushCompileCache, SETTLED).unref()
  await Promise.race([untilAborted(signal), running.done])
  await running.close()
  reportEnd(signal)
}

const DEFAULT_TUN = 'weft0'
/** In ms: then nobody waits for the start any more. Node.js itself keeps compiled code only at a process's end. */
const SETTLED = 3_000
