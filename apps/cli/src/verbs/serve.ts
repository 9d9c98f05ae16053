import { flushCompileCache } from 'node:module'
import type { Prefix } from '@weft/base'
import type { CoordinatorOptions } from '@weft/coordinator'
import type { CreatedLink } from '../agent-answers.ts'
import type { ListenAddress } from '../arguments.ts'
import { failureLine } from '../failure.ts'
import { lineLogger } from '../line-logger.ts'
import { NodeOfServe } from '../node-of-serve.ts'
import { expectPassingBuffers } from '../passing-buffers.ts'
import { isRoot, socketToListenAt, stateDirectory } from '../places.ts'
import { RelayOfServe } from '../relay-of-serve.ts'
import { type Announcement, announcementLines } from '../serve-announcement.ts'
import { reportEnd, stopSignal, untilAborted } from '../stop-signal.ts'
import { note, printJson, say } from '../terminal.ts'
import { widthOf } from '../text-width.ts'

interface ServeOptions {
  readonly state?: string
  readonly listen: ListenAddress
  readonly stunPort?: number
  readonly publicUrl?: string
  readonly range?: string
  readonly node: boolean
  readonly socket?: string
  readonly tun?: string
  readonly port?: number
  readonly dns?: boolean
  readonly metrics?: ListenAddress
  readonly restore?: string
  readonly json?: boolean
}

/** In seconds: the printed link's. */
const LINK_LIFE = 86_400
/** In seconds: the link by which this machine itself joins, at once. */
const OWN_LINK_LIFE = 600

/** Runs until it is told to stop. */
export async function serve(options: ServeOptions): Promise<void> {
  const signal = stopSignal()
  expectPassingBuffers()
  await serveUntil(signal, options)
  reportEnd(signal)
}

async function serveUntil(signal: AbortSignal, options: ServeOptions): Promise<void> {
  if (options.restore !== undefined) await restore(options.restore, options)
  await using stack = new AsyncDisposableStack()
  const { ServiceManager, systemClock: clock } = await import('@weft/linux')
  const manager = new ServiceManager()
  const relay = stack.use(await RelayOfServe.open({ listen: options.listen, stunPort: options.stunPort, clock }))
  const coordinator = await startCoordinatorOf(options, { clock, relay: relay.beside })
  stack.defer(() => coordinator.close())
  if (options.restore !== undefined && coordinator.holdsRoot)
    note('the backup holds the root key; if it was moved off the server since, move it again: weft root export FILE')
  if (options.metrics !== undefined) {
    const { serveMetrics } = await import('../metrics-server.ts')
    stack.use(await serveMetrics(options.metrics, () => coordinator.metrics()))
  }
  const createOwnLink = (): Promise<CreatedLink> => coordinator.createLink({ expiresSeconds: OWN_LINK_LIFE })
  const node = await startNode(options, { mesh: coordinator.mesh, createLink: createOwnLink, signal })
  if (node instanceof NodeOfServe) stack.defer(() => node.stop())
  if (signal.aborted) return
  manager.ready()
  const outside = await coordinator.outside(signal)
  if (signal.aborted) return
  const announcement: Announcement = {
    mesh: coordinator.mesh,
    reachableAt: coordinator.reachableAt,
    outside,
    port: coordinator.address.port,
    ...(coordinator.holdsRoot
      ? { created: await coordinator.createLink({ expiresSeconds: LINK_LIFE, printedAtStart: true }) }
      : {}),
    node: node instanceof NodeOfServe ? { kind: 'member', self: node.self } : node,
  }
  await announce(announcement, options)
  flushCompileCache()
  await untilAborted(signal)
  manager.stopping()
}

async function restore(file: string, options: ServeOptions): Promise<void> {
  const { restoreBackup } = await import('@weft/coordinator')
  await restoreBackup(stateDirectory(options.state), file)
  note(`restored from ${file}; devices bring back what they know of themselves. From now on start without --restore`)
}

async function startCoordinatorOf(options: ServeOptions, parts: Pick<CoordinatorOptions, 'clock' | 'relay'>) {
  const { startCoordinator } = await import('@weft/coordinator')
  return startCoordinator({
    stateDirectory: stateDirectory(options.state),
    listen: options.listen,
    ...(options.publicUrl === undefined ? {} : { publicUrl: options.publicUrl }),
    ...(options.range === undefined ? {} : { range: options.range as Prefix }),
    logger: lineLogger('coordinator'),
    ...parts,
  })
}

/** That this machine cannot be a node does not stop the coordinator: others may need it. */
async function startNode(
  options: ServeOptions,
  joining: { readonly mesh: string; readonly createLink: () => Promise<CreatedLink>; readonly signal: AbortSignal },
): Promise<NodeOfServe | Exclude<Announcement['node'], { kind: 'member' }>> {
  if (!options.node) return { kind: 'not-wanted' }
  if (!isRoot()) return { kind: 'not-root' }
  const settings = { ...options, state: stateDirectory(options.state), socket: socketToListenAt(options.socket) }
  try {
    return await NodeOfServe.start({ settings, ...joining })
  } catch (error) {
    return { kind: 'failed', reason: failureLine(error).replace(/^weft: /, '') }
  }
}

async function announce(announcement: Announcement, options: ServeOptions): Promise<void> {
  const { mesh, reachableAt, outside, created } = announcement
  if (options.json) {
    const { id = null, link = null, expires = null } = created ?? {}
    return printJson({
      mesh,
      reachableAt,
      through: outside.through,
      knocks: outside.knocks,
      root: created === undefined ? 'moved' : 'here',
      id,
      link,
      expires,
    })
  }
  const { default: qrcode } = await import('qrcode')
  // Black on white by colours in a terminal, whose own may be the other way round; without colours in a file.
  const form = process.stdout.isTTY ? ({ type: 'terminal', small: true } as const) : ({ type: 'utf8' } as const)
  const code = created === undefined ? '' : await qrcode.toString(created.link, form)
  const hasRoom = widthOf(code.split('\n', 1)[0] ?? '') <= (process.stdout.columns ?? Number.POSITIVE_INFINITY)
  say(...announcementLines(announcement, hasRoom ? code : ''))
}
