import { readFileSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { text } from 'node:stream/consumers'
import type { MeshDescription, RunningRelay } from '@weft/relay'
import type { ListenAddress } from '../arguments.ts'
import { CliError, codeOf } from '../failure.ts'
import { lineLogger } from '../line-logger.ts'
import { expectPassingBuffers } from '../passing-buffers.ts'
import { stateDirectory } from '../places.ts'
import { reachabilityNote } from '../reachability.ts'
import { reportEnd, stopSignal, untilAborted } from '../stop-signal.ts'
import { printJson, say } from '../terminal.ts'

interface ServeRelayOptions {
  readonly state?: string
  readonly listen: ListenAddress
  readonly stunPort?: number
  readonly publicUrl?: string
  readonly metrics?: ListenAddress
  readonly json?: boolean
}

/** Longer than any description. */
const MAX_DESCRIPTION = 4_096

/** A relay of a mesh whose coordinator is elsewhere; runs until it is told to stop. @param file `-`: standard input. */
export async function serveRelay(file: string, options: ServeRelayOptions): Promise<void> {
  const signal = stopSignal()
  expectPassingBuffers()
  await serveUntil(signal, await readMesh(file), options)
  reportEnd(signal)
}

async function serveUntil(signal: AbortSignal, mesh: MeshDescription, options: ServeRelayOptions): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const [{ startRelay }, { ServiceManager, systemClock: clock }] = await Promise.all([
    import('@weft/relay'),
    import('@weft/linux'),
  ])
  const manager = new ServiceManager()
  const { listen, stunPort, publicUrl } = options
  const relay = await startRelay({
    stateDirectory: stateDirectory(options.state),
    mesh,
    listen,
    ...(stunPort === undefined ? {} : { stunPort }),
    ...(publicUrl === undefined ? {} : { publicUrl }),
    clock,
    logger: lineLogger('relay'),
  })
  stack.defer(() => relay.close())
  if (options.metrics !== undefined) {
    const { serveMetrics } = await import('../metrics-server.ts')
    stack.use(await serveMetrics(options.metrics, () => relay.metrics()))
  }
  if (options.json) {
    const { id, mesh, reachableAt, stunPorts } = relay
    printJson({ relay: id, mesh, reachableAt, stunPorts })
  } else say(...relayLines(relay))
  flushCompileCache()
  manager.ready()
  await untilAborted(signal)
  manager.stopping()
}

/** What a user reads when the relay is ready. */
export function relayLines(
  relay: Pick<RunningRelay, 'id' | 'mesh' | 'reachableAt' | 'stunPorts' | 'port'>,
): readonly string[] {
  const { id, mesh, reachableAt, stunPorts, port } = relay
  const reach = reachabilityNote(reachableAt, port)
  const stun =
    stunPorts.length === 0
      ? 'It answers no STUN: its UDP port is in use, or --stun-port is 0.'
      : `STUN answers at UDP port ${stunPorts.join(' and ')}: let both TCP and UDP in.`
  return [
    '',
    `Relay ${id.slice(0, 8)} of mesh ${mesh.slice(0, 8)} is ready at ${reachableAt.join(', ')}`,
    ...(reach === undefined ? [] : [reach]),
    stun,
    '',
    'Unless the mesh has it already, add it there: on the server, or on a device of its owner:',
    '',
    `    sudo ./weft relay add ${reachableAt[0]}`,
    '',
    'Ctrl-C stops the relay; nodes go on by others, or by direct paths.',
  ]
}

async function readMesh(file: string): Promise<MeshDescription> {
  const { readMeshDescription } = await import('@weft/relay')
  const read = file === '-' ? await text(process.stdin) : readText(file)
  const mesh = read.length > MAX_DESCRIPTION ? undefined : readMeshDescription(read)
  if (mesh !== undefined) return mesh
  const what = file === '-' ? 'standard input' : file
  throw new CliError(
    'mesh-unreadable',
    `${what} is no description of a mesh of this version: write one on the server with weft relay describe`,
  )
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new CliError(
      'mesh-unreadable',
      `cannot read ${file}: ${codeOf(error) ?? String(error)}; write it on the server with weft relay describe`,
      error,
    )
  }
}
