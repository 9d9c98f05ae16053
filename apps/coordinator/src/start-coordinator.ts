import { join } from 'node:path'
import { type Clock, type IpAddress, invariant, type Logger, type Prefix } from '@weft/base'
import { serveControl } from '@weft/control-socket'
import type { NetmapRelay, Result } from '@weft/coordinator-protocol'
import { nativeCrypto, systemRandom } from '@weft/crypto'
import { type LinkEndpoint, meshPrefix } from '@weft/identity'
import type { MeshId } from '@weft/keys'
import { localAddresses } from '@weft/linux'
import { type ListenAddress, linkEndpoints, listenText, parsePublicUrl, withRelays } from '@weft/relay/listening'
import { relayIdOf } from '@weft/relay-protocol'
import { ensureDirectory, lockFile } from '@weft/state'
import type { LeaveOut, LeftOutRow } from '@weft/storage'
import { parseRange } from './address-range.ts'
import { backUp } from './backup.ts'
import { dailyChannelIdentity } from './channel-identity.ts'
import { type ChannelLimits, ChannelServer, defaultLimits } from './channel-server.ts'
import { controlMethods } from './control-methods.ts'
import { Coordinator } from './coordinator.ts'
import { CoordinatorError, coordinatorErrorOf } from './coordinator-error.ts'
import { coordinatorMetrics } from './coordinator-metrics.ts'
import { Counters } from './counters.ts'
import { HttpServer } from './http-server.ts'
import { secondsOf } from './join.ts'
import { DEFAULT_LINK_SECONDS, isoTime, type LinkWish } from './join-links.ts'
import { Knocks, type PublicPort } from './knocks.ts'
import { type MeshFiles, newEpoch, openMeshFiles } from './mesh-files.ts'
import { MeshRelays, netmapRelayOf, type SeenFromOutside, soundRelays } from './mesh-relays.ts'
import { type MeshState, meshStateOf } from './mesh-state.ts'
import { type RelayBeside, relayInNetmap } from './relay-beside.ts'
import { RelayVisits } from './relay-visits.ts'
import { createdLink, RequestDesk, unlistedLinks } from './request-desk.ts'
import { revocationsNow } from './revoking.ts'
import { verifiedDevices } from './verified-devices.ts'

/** A start takes one; what a node holds from an older one is not resumed. */
const KEPT_EPOCHS = 1_000

/** Of what a damaged row is known by: longer than any id. */
const SHOWN_LENGTH = 64

export interface CoordinatorOptions {
  readonly stateDirectory: string
  readonly listen: ListenAddress
  /** Where the coordinator is reached from outside, `http(s)://…`; it comes first in every link. */
  readonly publicUrl?: string
  /** Of the devices' IPv4 addresses; at the first start only. Without it, a random /18 of 100.64.0.0/10. */
  readonly range?: Prefix
  readonly logger: Logger
  readonly clock: Clock
  readonly limits?: Partial<ChannelLimits>
  /** A relay on the same port, which nodes are told of. */
  readonly relay?: RelayBeside
}

/** Without anything: single use, 24 hours, no tags. */
export interface LinkOptions {
  readonly reusable?: boolean
  readonly expiresSeconds?: number
  readonly tags?: readonly string[]
  readonly printedAtStart?: boolean
}

export type CreatedLink = Result<'link-create'>

export interface RunningCoordinator {
  /** As Prometheus reads them. */
  metrics(): string
  /** As bound. */
  readonly address: ListenAddress
  readonly mesh: MeshId
  readonly range: Prefix
  /** Whether it can make join links by itself: its root key was not moved elsewhere. */
  readonly holdsRoot: boolean
  /** As a user would type them, the public URL first. */
  readonly reachableAt: readonly string[]
  /** How it is seen by the relays elsewhere, once one has told whether it reaches it, or none does within 8 s, or when it is aborted. */
  outside(signal: AbortSignal): Promise<SeenFromOutside>
  /** In the name of the first account. A link printed at start revokes the last such one, where it is unused. */
  createLink(wish?: LinkOptions): Promise<CreatedLink>
  /** Says good-bye to all nodes; afterwards another may start on the same state. */
  close(): Promise<void>
}

/**
 * Starts the coordinator of the mesh in the state directory; makes the mesh where there is none.
 * @throws {CoordinatorError} and leaves what is stored as it was.
 */
export async function startCoordinator(options: CoordinatorOptions): Promise<RunningCoordinator> {
  await using started = new AsyncDisposableStack()
  try {
    const running = await start(options, started)
    const parts = started.move()
    return { ...running, close: () => parts.disposeAsync() }
  } catch (error) {
    throw coordinatorErrorOf(error)
  }
}

async function start(
  options: CoordinatorOptions,
  started: AsyncDisposableStack,
): Promise<Omit<RunningCoordinator, 'close'>> {
  const { clock, logger } = options
  const publicUrl = checkedUrl(options.publicUrl)
  const range = checkedRange(options.range)
  const counters = new Counters()
  // The port first: where it is not to be had, nothing is left behind in the state directory.
  const http = new HttpServer(counters)
  started.defer(() => http.close())
  const bound = await http.listen(options.listen)

  const files = await openFiles(options, range, started)
  const direct = () => endpointsNow(bound, files, publicUrl)
  /** With those of relays elsewhere, where devices come to the coordinator too. */
  const endpoints = () => withRelays(direct(), relays.places())
  const relayId = relayIdOf(files.coordinatorKey.publicKey(nativeCrypto), nativeCrypto)
  const relay = options.relay?.open({ mesh: files.mesh.id, id: relayId })
  if (relay !== undefined) started.defer(() => relay.close())
  const beside = options.relay === undefined ? [] : relayInNetmap(relayId, direct(), options.relay.stunPort)
  const knocks = new Knocks({ port: publicPort(bound.port, publicUrl), random: systemRandom, logger })
  const visits = new RelayVisits({
    ...files,
    knocks,
    onCaller: (socket, source) => channels.brought(socket, source),
    clock,
    logger,
  })
  started.defer(() => visits.stop())
  const coordinator = new Coordinator({
    files,
    state: await firstState(files, options, beside),
    tell: (output) => channels.tell(output),
    onRekeyed: (node) => desk.onRekeyed(node),
    disconnect: (node, revocation) => desk.disconnect(node, revocation),
    onRevoked: (revocations) => {
      relay?.revoke(revocations)
      visits.revoke(revocations)
    },
    crypto: nativeCrypto,
    random: systemRandom,
    clock,
    logger,
    returning: { ...defaultLimits, ...options.limits }.returning,
  })
  started.defer(() => coordinator.settled())
  const seconds = () => secondsOf(clock().wall)
  const relays = new MeshRelays({
    coordinator,
    coordinatorKey: files.coordinatorKey.publicKey(nativeCrypto),
    visits,
    beside,
    added: await files.store.transaction((transaction) => soundRelays(transaction)),
    seconds,
  })
  const desk = new RequestDesk({ coordinator, relays, endpoints, seconds, logger })
  const channels = new ChannelServer({
    desk,
    identity: dailyChannelIdentity({ ...files, crypto: nativeCrypto, random: systemRandom, clock }),
    crypto: nativeCrypto,
    random: systemRandom,
    clock,
    counters,
    limits: { ...defaultLimits, ...options.limits },
    logger,
  })
  started.defer(() => channels.close())
  started.defer(() => coordinator.leave())
  const reachableAt = direct().map(textOf)
  const status = () => ({
    ...statusOf(coordinator.state),
    root: coordinator.holdsRoot ? 'here' : 'moved',
    address: listenText(bound),
    reachableAt,
    copied: coordinator.copied === undefined ? null : isoTime(coordinator.copied),
    channels: channels.size,
    refused: counters.read(),
    relays: relays.list().relays,
    outside: relays.outsideNow(),
    ...(relay === undefined ? {} : { relay: relay.status() }),
  })
  const metrics = () => coordinatorMetrics(status())
  const control = await serveControl({
    metrics,
    path: join(options.stateDirectory, 'coordinator.sock'),
    methods: controlMethods({
      coordinator,
      relays,
      endpoints,
      seconds,
      status,
      backUp: (file) => backUp(options.stateDirectory, files.store, file),
    }),
    logger,
    mode: 0o600,
  })
  started.defer(() => control.close())
  http.serve({ channels, knocks, ...(relay === undefined ? {} : { relay }) })
  logger.info('coordinator started', { mesh: files.mesh.id, devices: coordinator.state.devices.size })
  return {
    address: bound,
    metrics,
    mesh: files.mesh.id,
    range: files.mesh.addressRange,
    holdsRoot: coordinator.holdsRoot,
    reachableAt,
    outside: (signal) => relays.outside(signal),
    createLink: async (wish) => {
      try {
        return createdLink(await coordinator.links.create(linkWish(wish, coordinator), endpoints()))
      } catch (error) {
        throw coordinatorErrorOf(error)
      }
    },
  }
}

/** The state directory is this process's until everything is closed. */
async function openFiles(
  { stateDirectory, clock }: CoordinatorOptions,
  range: Prefix | undefined,
  started: AsyncDisposableStack,
): Promise<MeshFiles> {
  ensureDirectory(stateDirectory, 0o700)
  started.use(lockFile(join(stateDirectory, 'coordinator.lock')))
  const files = await openMeshFiles({
    directory: stateDirectory,
    range,
    crypto: nativeCrypto,
    random: systemRandom,
    at: secondsOf(clock().wall),
  })
  started.defer(() => files.store.close())
  return files
}

/** What the database holds, in a new epoch: who holds more than that has it from a newer copy of the database. */
export async function firstState(
  { store }: MeshFiles,
  { clock, logger }: Pick<CoordinatorOptions, 'clock' | 'logger'>,
  beside: readonly NetmapRelay[],
): Promise<MeshState> {
  const state = await store.transaction(async (transaction) => {
    await transaction.beginEpoch(newEpoch(systemRandom), KEPT_EPOCHS)
    const mesh = await transaction.mesh()
    invariant(mesh !== undefined, 'the mesh was opened')
    const leftOut: LeftOutRow[] = []
    const leaveOut: LeaveOut = (row) => leftOut.push(row)
    const place = { mesh: mesh.id, at: clock().wall, crypto: nativeCrypto }
    const accounts = await transaction.accounts()
    for (const { id } of accounts) unlistedLinks(await transaction.linksOf(id, leaveOut), leaveOut)
    return meshStateOf(mesh, accounts, verifiedDevices(await transaction.devices(leaveOut), place, leaveOut), {
      relays: [...beside, ...(await transaction.relays(leaveOut)).map(netmapRelayOf)],
      records: await transaction.records(),
      epochs: await transaction.epochs(),
      revocations: await revocationsNow(transaction, clock().wall),
      leftOut,
    })
  })
  const leftOut = state.leftOut.map((each) => ({ ...each, row: each.row.slice(0, SHOWN_LENGTH) }))
  for (const { table, row, reason } of leftOut)
    logger.warn('left out of the mesh', { table, row, reason, action: 'it stays in the database: restore a backup' })
  return { ...state, leftOut }
}

function endpointsNow(
  bound: { readonly host: IpAddress; readonly port: number },
  { mesh }: MeshFiles,
  publicUrl: string | undefined,
): readonly LinkEndpoint[] {
  const addresses = localAddresses().map(({ address }) => address)
  const meshPrefixes = [mesh.addressRange, meshPrefix(mesh.rootKey, nativeCrypto)]
  return linkEndpoints({ ...bound, addresses, mesh: meshPrefixes, publicUrl })
}

function publicPort(bound: number, publicUrl: string | undefined): PublicPort {
  const url = publicUrl === undefined ? undefined : new URL(publicUrl)
  if (url === undefined) return { port: bound, isHttps: false }
  const isHttps = url.protocol === 'https:'
  return { port: Number(url.port) || (isHttps ? 443 : 80), isHttps }
}

const textOf = (endpoint: LinkEndpoint): string =>
  endpoint.kind === 'url' ? endpoint.url : `http://${endpoint.endpoint}`

function statusOf(state: MeshState) {
  return {
    mesh: state.id,
    range: state.range,
    epoch: state.epoch,
    number: state.number,
    devices: [...state.devices.values()].map(({ peer: { id, name, owner, address4, online } }) => ({
      id,
      name,
      owner,
      address4,
      online,
    })),
    leftOut: leftOutNow(state),
  }
}

/** A device that joined anew since, and a relay that was added again, are no more left out. */
function leftOutNow({ leftOut, devices, relays }: MeshState): readonly LeftOutRow[] {
  const told = new Set<string>([...devices.keys(), ...relays.map(({ id }) => id)])
  return leftOut.filter(({ row }) => !told.has(row))
}

function linkWish(wish: LinkOptions = {}, coordinator: Coordinator): LinkWish {
  return {
    account: coordinator.firstAccount,
    reusable: wish.reusable ?? false,
    expiresSeconds: wish.expiresSeconds ?? DEFAULT_LINK_SECONDS,
    tags: wish.tags ?? [],
    printedAtStart: wish.printedAtStart ?? false,
  }
}

function checkedUrl(text: string | undefined): string | undefined {
  const url = text === undefined ? undefined : parsePublicUrl(text)
  if (typeof url !== 'object') return url
  throw new CoordinatorError(
    'public-url-refused',
    `cannot use the public URL: ${url.refused}; give --public-url http(s)://HOST[:PORT]`,
  )
}

function checkedRange(text: Prefix | undefined): Prefix | undefined {
  const range = text === undefined ? undefined : parseRange(text)
  if (typeof range !== 'object') return range
  throw new CoordinatorError(
    'range-refused',
    `cannot use the range ${text}: ${range.refused}; give another --range, or leave it away`,
  )
}
