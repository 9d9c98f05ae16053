import { join } from 'node:path'
import type { Clock, IpAddress, Logger, Prefix } from '@weft/base'
import { type LinkEndpoint, meshPrefixOf } from '@weft/identity'
import type { MeshId, NodeId } from '@weft/keys'
import { localAddresses } from '@weft/linux'
import { ensureDirectory, lockFile } from '@weft/state'
import { type ListenAddress, linkEndpoints, parsePublicUrl } from './listening/index.ts'
import type { MeshDescription } from './mesh-description.ts'
import { RelayError } from './relay-error.ts'
import { RelayHttp } from './relay-http.ts'
import { relayIdentity } from './relay-identity.ts'
import { relayMetrics } from './relay-metrics.ts'
import { RelayServer } from './relay-server.ts'
import { stunBeside } from './stun-beside.ts'

/** Of weft's interface on the same machine: a mesh's range lies in it. RFC 6598. */
const CARRIER_RANGE = '100.64.0.0/10' as Prefix

export interface RelayOptions {
  readonly stateDirectory: string
  readonly mesh: MeshDescription
  readonly listen: ListenAddress
  /** 0: none; absent: the usual one where it is free. */
  readonly stunPort?: number
  /** Where the relay is reached from outside, `http(s)://…`. */
  readonly publicUrl?: string
  readonly clock: Clock
  readonly logger: Logger
}

export interface RunningRelay {
  readonly id: NodeId
  readonly mesh: MeshId
  /** TCP. */
  readonly port: number
  /** As a user would type them, the public URL first. */
  readonly reachableAt: readonly string[]
  /** UDP ports at which STUN is answered. */
  readonly stunPorts: readonly number[]
  /** As Prometheus reads them. */
  metrics(): string
  /** Tells all nodes to go elsewhere first. */
  close(): Promise<void>
}

/**
 * A relay of a mesh, with STUN, without a coordinator beside it: all it needs to know of the mesh is public.
 * @throws {RelayError | ListenError | StateError} and leaves what is stored as it was.
 */
export async function startRelay(options: RelayOptions): Promise<RunningRelay> {
  const { stateDirectory, mesh, listen, clock, logger } = options
  const publicUrl = checkedUrl(options.publicUrl)
  await using started = new AsyncDisposableStack()
  let server: RelayServer | undefined
  // The port first: where it is not to be had, nothing is left behind in the state directory.
  const http = new RelayHttp(() => server)
  started.defer(() => http.close())
  const bound = await http.listen(listen)
  const stun = await stunBeside({ host: listen.host, port: options.stunPort, clock })
  started.defer(() => stun?.close())
  ensureDirectory(stateDirectory, 0o700)
  started.use(lockFile(join(stateDirectory, 'relay.lock')))
  const id = relayIdentity(stateDirectory, mesh.mesh)
  const elsewhere = { coordinatorKey: mesh.coordinatorKey, stunPort: stun?.port }
  const relay = new RelayServer({ mesh: mesh.mesh, id, elsewhere, clock, logger })
  server = relay
  started.defer(() => relay.close())
  logger.info('relay started', { relay: id, mesh: mesh.mesh })
  const parts = started.move()
  return {
    id,
    mesh: mesh.mesh,
    port: bound.port,
    reachableAt: placesOf(bound, mesh.mesh, publicUrl),
    stunPorts: stun === undefined ? [] : Array.from({ length: stun.ports }, (_, i) => stun.port + i),
    metrics: () => relayMetrics(relay.status(), stun?.counts() ?? {}),
    close: () => parts.disposeAsync(),
  }
}

function placesOf(
  bound: { readonly host: IpAddress; readonly port: number },
  mesh: MeshId,
  publicUrl: string | undefined,
): readonly string[] {
  const addresses = localAddresses().map(({ address }) => address)
  return linkEndpoints({ ...bound, addresses, mesh: [CARRIER_RANGE, meshPrefixOf(mesh)], publicUrl }).map(textOf)
}

const textOf = (endpoint: LinkEndpoint): string =>
  endpoint.kind === 'url' ? endpoint.url : `http://${endpoint.endpoint}`

function checkedUrl(text: string | undefined): string | undefined {
  const url = text === undefined ? undefined : parsePublicUrl(text)
  if (typeof url !== 'object') return url
  throw new RelayError(
    'public-url-refused',
    `cannot use the public URL: ${url.refused}; give --public-url http(s)://HOST[:PORT]`,
  )
}
