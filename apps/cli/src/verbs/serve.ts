import type { Prefix } from '@weft/base'
import type { CreatedLink } from '../agent-answers.ts'
import type { ListenAddress } from '../arguments.ts'
import { failureLine } from '../failure.ts'
import { lineLogger } from '../line-logger.ts'
import { NodeOfServe } from '../node-of-serve.ts'
import { isRoot, socketToListenAt, stateDirectory } from '../places.ts'
import { type Announcement, announcementLines } from '../serve-announcement.ts'
import { stopSignal } from '../stop-signal.ts'
import { print, printJson } from '../terminal.ts'

interface ServeOptions {
  readonly state?: string
  readonly listen: ListenAddress
  readonly publicUrl?: string
  readonly range?: string
  readonly node: boolean
  readonly socket?: string
  readonly tun?: string
  readonly port?: number
  readonly json?: boolean
}

/** In seconds: the printed link's. */
const LINK_LIFE = 86_400
/** In seconds: the link by which this machine itself joins, at once. */
const OWN_LINK_LIFE = 600

/** Runs until it is told to stop. */
export async function serve(options: ServeOptions): Promise<void> {
  const stopped = stopSignal()
  const coordinator = await startCoordinatorOf(options)
  const stack = new AsyncDisposableStack()
  stack.defer(() => coordinator.close())
  await using _ = stack
  const createLink = (expiresSeconds: number): Promise<CreatedLink> =>
    coordinator.createLink({ reusable: false, expiresSeconds, tags: [] })
  const node = await startNode(options, coordinator.mesh, () => createLink(OWN_LINK_LIFE))
  if (node instanceof NodeOfServe) stack.defer(() => node.stop())
  const announcement: Announcement = {
    mesh: coordinator.mesh,
    reachableAt: coordinator.reachableAt,
    port: coordinator.address.port,
    created: await createLink(LINK_LIFE),
    node: node instanceof NodeOfServe ? { kind: 'member', self: node.self } : node,
  }
  await announce(announcement, options)
  await stopped
}

async function startCoordinatorOf(options: ServeOptions) {
  const [{ startCoordinator }, { systemClock }] = await Promise.all([
    import('@weft/coordinator'),
    import('@weft/linux'),
  ])
  return startCoordinator({
    stateDirectory: stateDirectory(options.state),
    listen: options.listen,
    ...(options.publicUrl === undefined ? {} : { publicUrl: options.publicUrl }),
    ...(options.range === undefined ? {} : { range: options.range as Prefix }),
    logger: lineLogger('coordinator'),
    clock: systemClock,
  })
}

/** That this machine cannot be a node does not stop the coordinator: others may need it. */
async function startNode(
  options: ServeOptions,
  mesh: string,
  createLink: () => Promise<CreatedLink>,
): Promise<NodeOfServe | Exclude<Announcement['node'], { kind: 'member' }>> {
  if (!options.node) return { kind: 'not-wanted' }
  if (!isRoot()) return { kind: 'not-root' }
  const settings = { ...options, state: stateDirectory(options.state), socket: socketToListenAt(options.socket) }
  try {
    return await NodeOfServe.start({ settings, mesh, createLink })
  } catch (error) {
    return { kind: 'failed', reason: failureLine(error).replace(/^weft: /, '') }
  }
}

async function announce(announcement: Announcement, options: ServeOptions): Promise<void> {
  const { mesh, reachableAt, created } = announcement
  if (options.json)
    return printJson({ mesh, reachableAt, id: created.id, link: created.link, expires: created.expires })
  const { default: qrcode } = await import('qrcode')
  const code = await qrcode.toString(created.link, { type: 'terminal', small: true })
  for (const line of announcementLines(announcement, code)) print(line)
}
