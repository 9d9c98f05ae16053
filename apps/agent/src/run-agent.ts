import type { Logger } from '@weft/base'
import { type ControlServer, serveControl } from '@weft/control-socket'
import { localAddresses, NetworkWatch, systemClock } from '@weft/linux'
import { MachineNameService, recoverNameService } from '@weft/resolver'
import { Agent, type AgentDrivers } from './agent.ts'
import { agentMetrics } from './agent-metrics.ts'
import { AgentState } from './agent-state.ts'
import { controlMethods } from './control-methods.ts'
import { type LanAddress, LanSockets } from './lan-sockets.ts'
import { openTun } from './tunnel-device.ts'

export interface RunAgentOptions {
  readonly stateDirectory: string
  /** Path of the control socket. */
  readonly socket: string
  /** Name of the interface. */
  readonly tun: string
  /** The UDP port to try first; otherwise the one of the last time, or 7481. */
  readonly port?: number
  /** `down` also ends the agent, for it was started by `up`. */
  readonly endsOnDown?: boolean
  /** This machine's resolver is told of the mesh's. */
  readonly tellsResolver?: boolean
  readonly logger: Logger
  /** For tests; this machine's by default. */
  readonly drivers?: Partial<AgentDrivers>
}

export interface RunningAgent {
  /** As Prometheus reads them. */
  metrics(): string
  /** Takes the interface and the socket away. Harmless when called again. */
  close(): Promise<void>
  /** Resolves when the agent has ended in whatever way; rejects with an `AgentError` where it had to end. */
  readonly done: Promise<void>
}

const systemDrivers: AgentDrivers = {
  openTunnel: openTun,
  clock: systemClock,
  localAddresses: addressesExcept,
  openLan: (onDatagram, logger) => new LanSockets({ onDatagram, clock: systemClock, logger }),
  watchNetwork: (onChange, own) => new NetworkWatch(onChange, own),
}

/**
 * Runs the daemon of a device: one on a state directory. It answers at its socket from the start, and is up again where it was.
 * @throws {AgentError} {StateError} {ControlError} and leaves nothing behind.
 */
export async function runAgent(options: RunAgentOptions): Promise<RunningAgent> {
  const { logger } = options
  const state = new AgentState(options.stateDirectory, logger)
  let agent: Agent | undefined
  let control: ControlServer | undefined
  const close = once(async (reason?: unknown) => {
    await agent?.close(reason)
    await control?.close()
    state[Symbol.dispose]()
  })
  try {
    await recoverNameService({ stateDirectory: options.stateDirectory, clock: systemClock, logger })
    agent = new Agent({
      state,
      settings: { tun: options.tun, endsOnDown: options.endsOnDown ?? false, ...portOf(options) },
      drivers: { ...systemDrivers, ...resolverDriver(options), ...options.drivers },
      logger,
    })
    const running = agent
    const metrics = () => agentMetrics(running.status(), control?.refusals() ?? {})
    control = await serveControl({
      path: options.socket,
      metrics,
      methods: controlMethods(agent, () => control?.refusals()),
      logger,
    })
    await agent.resume()
    const done = untilEnded(agent, close, logger)
    // Whoever waits for it hears of it.
    done.catch(() => undefined)
    return { close: () => close(), done, metrics }
  } catch (error) {
    await close(error)
    throw error
  }
}

async function untilEnded(agent: Agent, close: () => Promise<void>, logger: Logger): Promise<void> {
  try {
    await agent.done
  } finally {
    await close()
    logger.info('agent ended')
  }
}

function resolverDriver({ tellsResolver, stateDirectory, logger }: RunAgentOptions): Partial<AgentDrivers> {
  if (!tellsResolver) return {}
  const machine = { stateDirectory, clock: systemClock, logger }
  return { openNameServiceSetup: ({ onChange }) => new MachineNameService({ ...machine, onChange }) }
}

function addressesExcept(name: string): readonly LanAddress[] {
  return localAddresses().filter((each) => each.name !== name && each.scope === 'other')
}

const portOf = ({ port }: RunAgentOptions) => (port === undefined ? {} : { port })

function once(work: (reason?: unknown) => Promise<void>): (reason?: unknown) => Promise<void> {
  let done: Promise<void> | undefined
  return (reason) => {
    done ??= work(reason)
    return done
  }
}
