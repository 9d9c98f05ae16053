import { assertNever, fromBase64, invariant, type Logger, toBase64 } from '@weft/base'
import {
  type Answer,
  type AnswerError,
  type FromCoordinator,
  type LinkSummary,
  type Method,
  type Params,
  parseResult,
  REVOCATIONS_SINCE,
  readFromNode,
  requestIdOf,
} from '@weft/coordinator-protocol'
import type { LinkEndpoint } from '@weft/identity'
import type { AccountId, NodeId, PublicKey } from '@weft/keys'
import { type LeaveOut, type LinkRow, StorageError } from '@weft/storage'
import type { Answered, ChannelConnection, ChannelDesk, Work } from './channel-connection.ts'
import type { Coordinator } from './coordinator.ts'
import type { Caller } from './coordinator-interface.ts'
import { isoTime, LAST_SECOND, linkStateAt } from './join-links.ts'
import type { MeshRelays } from './mesh-relays.ts'
import { answerNaming } from './naming-requests.ts'
import { Refusal } from './refusal.ts'

/** Newest first; older ones are of no use to whoever lists them. */
const MAX_LISTED_LINKS = 1_000
const PONG = JSON.stringify({ type: 'pong' })

/** Of each method with its own parameters. */
type AnyRequest = {
  [M in Method]: { readonly id: number; readonly method: M; readonly params: Params<M> }
}[Method]

/** Answers what nodes ask through their channels, and remembers which channel is told the netmap of which node. */
export class RequestDesk implements ChannelDesk {
  readonly #coordinator: Coordinator
  readonly #relays: MeshRelays
  readonly #endpoints: () => readonly LinkEndpoint[]
  readonly #seconds: () => number
  readonly #logger: Logger
  readonly #subscribed = new Map<ChannelConnection, NodeId>()
  readonly #byNode = new Map<NodeId, ChannelConnection>()

  constructor(options: {
    readonly coordinator: Coordinator
    readonly relays: MeshRelays
    /** The ways to the coordinator, for new links. */
    readonly endpoints: () => readonly LinkEndpoint[]
    readonly seconds: () => number
    readonly logger: Logger
  }) {
    this.#coordinator = options.coordinator
    this.#relays = options.relays
    this.#endpoints = options.endpoints
    this.#seconds = options.seconds
    this.#logger = options.logger
  }

  isDevice(key: PublicKey<'channel'>): boolean {
    return this.#coordinator.isDevice(key)
  }

  read(connection: ChannelConnection, text: string): Answered | Work {
    const message = readFromNode(text)
    if (message === undefined) return malformed(text)
    if (message.type === 'ping') return { kind: 'answer', message: PONG }
    const { id } = message
    return {
      kind: 'work',
      run: () => this.#answer(message as AnyRequest, connection),
      refuse: () =>
        answerOf({ type: 'answer', id, error: { code: 'busy', message: 'too many requests: wait for the answers' } }),
    }
  }

  /** Ends the channel of a device that was removed; it is told so. */
  disconnect(node: NodeId, revocation: string | undefined): void {
    const connection = this.#byNode.get(node)
    if (connection === undefined) return
    tellRemoved(connection, revocation)
    connection.close()
  }

  /** Ends the channel by which the node is told its netmap, once what it has asked is answered. */
  onRekeyed(node: NodeId): void {
    this.#byNode.get(node)?.finish()
  }

  closed(connection: ChannelConnection): void {
    const node = this.#subscribed.get(connection)
    if (node === undefined) return
    this.#subscribed.delete(connection)
    if (this.#byNode.get(node) === connection) this.#byNode.delete(node)
    this.#coordinator.unsubscribe(connection.number, node)
  }

  async #answer(request: AnyRequest, connection: ChannelConnection): Promise<Answered> {
    const { remoteKey, source } = connection
    try {
      invariant(remoteKey !== undefined, 'messages come through an open channel')
      return await this.#serve(request, { channelKey: remoteKey, source }, connection)
    } catch (error) {
      return answerOf({ type: 'answer', id: request.id, error: this.#errorFor(error, request.method) })
    }
  }

  async #serve(request: AnyRequest, caller: Caller, connection: ChannelConnection): Promise<Answered> {
    const coordinator = this.#coordinator
    const { id } = request
    switch (request.method) {
      case 'open-link': {
        const { account, link } = await coordinator.links.open(caller, request.params.linkKey)
        return answerOf<'open-link'>({
          type: 'answer',
          id,
          result: { account: toBase64(account), link: toBase64(link) },
        })
      }
      case 'join':
        return this.#join(id, request.params, caller)
      case 'subscribe':
        return this.#subscribe(id, request.params, { caller, connection })
      case 'bring-back':
        return this.#bringBack(id, request.params, caller)
      case 'publish': {
        const { endpoints, record } = request.params
        await coordinator.publish(caller, { endpoints, record: record === undefined ? undefined : bytesOf(record) })
        return emptyAnswer(id)
      }
      case 'revoke':
        // Whoever is no device brings nothing, so that strangers cost no write.
        coordinator.accountOf(caller)
        await coordinator.revoke(request.params.revocations.map(bytesOf))
        return emptyAnswer(id)
      case 'link-create': {
        const wish = { ...request.params, account: coordinator.accountOf(caller), printedAtStart: false }
        const created = await coordinator.links.create(wish, this.#endpoints())
        return answerOf<'link-create'>({ type: 'answer', id, result: createdLink(created) })
      }
      case 'link-place':
        return answerOf<'link-place'>({
          type: 'answer',
          id,
          result: linkPlace(coordinator, coordinator.accountOf(caller), this.#endpoints()),
        })
      case 'link-deposit': {
        const { certificate, reusable } = request.params
        const wish = { account: coordinator.accountOf(caller), certificate: bytesOf(certificate), reusable }
        const row = await coordinator.links.deposit(wish)
        return answerOf<'link-deposit'>({ type: 'answer', id, result: depositedLink(row) })
      }
      case 'link-list': {
        const links = await coordinator.links.list(coordinator.accountOf(caller))
        return answerOf<'link-list'>({ type: 'answer', id, result: { links: linkSummaries(links, this.#seconds()) } })
      }
      case 'link-revoke':
        await coordinator.links.revoke(coordinator.accountOf(caller), request.params.id)
        return emptyAnswer(id)
      case 'rename':
      case 'remove':
      case 'name-add':
      case 'name-list':
      case 'name-remove': {
        const asked = { account: coordinator.accountOf(caller), version: connection.version }
        return { kind: 'answer', message: await answerNaming(coordinator, asked, request) }
      }
      case 'relay-add':
        return answerOf<'relay-add'>({
          type: 'answer',
          id,
          result: await this.#relays.add(coordinator.accountOf(caller), request.params),
        })
      case 'relay-list':
        coordinator.accountOf(caller)
        return answerOf<'relay-list'>({ type: 'answer', id, result: this.#relays.list() })
      case 'relay-remove':
        return answerOf<'relay-remove'>({
          type: 'answer',
          id,
          result: await this.#relays.remove(coordinator.accountOf(caller), request.params),
        })
      default:
        return assertNever(request)
    }
  }

  async #join(id: number, params: Params<'join'>, { channelKey }: Caller): Promise<Answered> {
    const device = await this.#coordinator.join({
      record: bytesOf(params.record),
      certificate: bytesOf(params.certificate),
      hostName: params.hostName,
      channelKey,
    })
    const result = { chain: toBase64(device.chain), name: device.name, address4: device.address4, id: device.id }
    return answerOf<'join'>({ type: 'answer', id, result })
  }

  async #bringBack(id: number, params: Params<'bring-back'>, { channelKey }: Caller): Promise<Answered> {
    const { record, chain, name, address4 } = params
    const wish = { record: bytesOf(record), chain: bytesOf(chain), name, address4, channelKey }
    await this.#coordinator.bringBack(wish)
    return emptyAnswer(id)
  }

  async #subscribe(
    id: number,
    { node, epoch, number }: Params<'subscribe'>,
    { caller, connection }: { readonly caller: Caller; readonly connection: ChannelConnection },
  ): Promise<Answered> {
    const held = epoch === undefined || number === undefined ? undefined : { epoch, number }
    const { version } = connection
    if (!this.#coordinator.isDevice(caller.channelKey)) tellRemoved(connection, this.#coordinator.revocationOf(node))
    await this.#coordinator.admit(caller, node, held)
    return {
      ...emptyAnswer(id),
      afterwards: () => {
        this.#coordinator.subscribe({ subscriber: connection.number, node, held, version })
        this.#replace(connection, node)
      },
    }
  }

  /** A node that comes from elsewhere leaves its last connection behind without a word. */
  #replace(connection: ChannelConnection, node: NodeId): void {
    if (this.#subscribed.has(connection)) return
    this.#subscribed.set(connection, node)
    this.#coordinator.cameOnline(node)
    const last = this.#byNode.get(node)
    this.#byNode.set(node, connection)
    last?.close()
  }

  #errorFor(error: unknown, method: Method): AnswerError {
    if (error instanceof Refusal) {
      this.#logger.debug('request refused', { method, code: error.code })
      return { code: error.code, message: error.message }
    }
    const reason = error instanceof Error ? error.message : String(error)
    if (error instanceof StorageError && error.code === 'database-full') {
      this.#logger.error('disk full', { method, reason })
      return { code: 'failed', message: 'the disk is full on the coordinator; make room there and try again' }
    }
    this.#logger.error('request failed', { method, reason })
    return { code: 'failed', message: 'the coordinator could not do it: its log says why; try again later' }
  }
}

function tellRemoved(connection: ChannelConnection, revocation: string | undefined): void {
  if (revocation === undefined || connection.version < REVOCATIONS_SINCE) return
  connection.tell(JSON.stringify({ type: 'removed', revocation } satisfies FromCoordinator))
}

export function createdLink({ row, text }: { readonly row: LinkRow; readonly text: string }) {
  return { ...depositedLink(row), link: text }
}

export function depositedLink({ id, expires, reusable }: LinkRow) {
  return { id, expires: isoTime(expires), reusable }
}

/** What whoever makes a link elsewhere has to know. */
export function linkPlace(coordinator: Coordinator, account: AccountId, endpoints: readonly LinkEndpoint[]) {
  const { coordinatorKey } = coordinator.links
  return { account, coordinatorKey, endpoints: endpoints.map(plainEndpoint) }
}

const plainEndpoint = (endpoint: LinkEndpoint): string => (endpoint.kind === 'url' ? endpoint.url : endpoint.endpoint)

export function linkSummaries(links: readonly LinkRow[], at: number): readonly LinkSummary[] {
  const summaries = links.values().map((link) => linkSummary(link, at))
  return summaries
    .filter((summary) => summary !== undefined)
    .take(MAX_LISTED_LINKS)
    .toArray()
}

/** Tells of those that nobody can be told of. */
export function unlistedLinks(links: readonly LinkRow[], leaveOut: LeaveOut): void {
  for (const link of links)
    if (linkSummary(link, 0) === undefined)
      leaveOut({ table: 'links', row: link.id, reason: 'it is no link that can be listed' })
}

/** `undefined` where the device that asks would refuse the whole list because of it. */
function linkSummary(link: LinkRow, at: number): LinkSummary | undefined {
  const { id, reusable, uses, tags } = link
  if (link.expires < 0 || link.expires > LAST_SECOND) return undefined
  const summary = { id, expires: isoTime(link.expires), reusable, uses, state: linkStateAt(link, at), tags }
  return parseResult('link-list', { links: [summary] })?.links[0]
}

function answerOf<M extends Method>(answer: Answer<M>): Extract<Answered, { kind: 'answer' }> {
  return { kind: 'answer', message: JSON.stringify(answer) }
}

const emptyAnswer = (id: number) => answerOf<'publish'>({ type: 'answer', id, result: {} })

/** What has a request's number is answered; the rest is no message at all. */
function malformed(text: string): Answered {
  const id = requestIdOf(text)
  const error = { code: 'bad-request', message: 'no request of version 1: update weft on this device' } as const
  return id === undefined ? { kind: 'malformed' } : answerOf({ type: 'answer', id, error })
}

/** The schema has looked at the text. */
function bytesOf(text: string): Uint8Array {
  const bytes = fromBase64(text)
  invariant(bytes !== undefined, 'a base64 field is base64')
  return bytes
}
