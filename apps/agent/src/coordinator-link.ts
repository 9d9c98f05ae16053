import { assertNever, type Clock, CoreRunner, type Logger, toBase64 } from '@weft/base'
import {
  type ClientAnswer,
  type ClientInput,
  type ClientMethod,
  type ClientOutput,
  type ClientRequest,
  CoordinatorClient,
  linkEndpointText,
  type Netmap,
  type NetmapChange,
  type NetmapRelay,
  type Params,
  type Result,
} from '@weft/coordinator-protocol'
import { nativeCrypto, systemRandom } from '@weft/crypto'
import type { LinkEndpoint } from '@weft/identity'
import type { PrivateKey } from '@weft/keys'
import { systemAlarm } from '@weft/linux'
import type { CoordinatorState } from '@weft/node'
import { AgentError } from './agent-error.ts'
import type { CoordinatorContact, MembershipOnDisk } from './agent-state.ts'
import { ChannelSocket } from './channel-socket.ts'

/** Tried beside the coordinator's own endpoints. */
const MAX_RELAY_PLACES = 16

/** Who is told what comes from the coordinator. */
export interface CoordinatorListener {
  onNetmap(netmap: Netmap, change: NetmapChange | undefined): void
  onState(state: CoordinatorState): void
  /** This device is one of the mesh no more, says a revocation: base64. */
  onRemoved(revocation: string): void
}

/** A `CoordinatorClient` with its WebSockets: asks, and is told netmaps once it is subscribed. */
export class CoordinatorLink {
  readonly #contact: CoordinatorContact
  readonly #logger: Logger
  readonly #alarm = systemAlarm()
  readonly #runner: CoreRunner<ClientInput, ClientOutput>
  readonly #sockets = new Map<number, ChannelSocket>()
  readonly #waiting = new Map<number, (answer: ClientAnswer) => void>()
  #listener: CoordinatorListener | undefined
  #state: CoordinatorState | undefined
  #nextToken = 0

  constructor(options: {
    readonly contact: CoordinatorContact
    readonly channelKey: PrivateKey<'channel'>
    readonly clock: Clock
    readonly logger: Logger
  }) {
    const { contact, channelKey, clock, logger } = options
    this.#contact = contact
    this.#logger = logger
    this.#runner = new CoreRunner<ClientInput, ClientOutput>({
      core: new CoordinatorClient({ crypto: nativeCrypto, random: systemRandom, channelKey, ...contact }),
      clock,
      alarm: this.#alarm,
      act: (output) => this.#act(output),
    })
  }

  start(): void {
    this.#runner.tell({ kind: 'start' })
  }

  /** From now on the listener is told of the device; its netmap is the last one that is known. */
  subscribe(device: MembershipOnDisk, listener: CoordinatorListener): void {
    const { id: node, netmap: held, record, chain } = device
    this.#listener = listener
    if (this.#state !== undefined) listener.onState(this.#state)
    const proof = { record: toBase64(record), chain: toBase64(chain) }
    this.#runner.tell({ kind: 'subscribe', node, proof, ...(held === undefined ? {} : { held }) })
  }

  /** Rejects with an `AgentError`: the coordinator's own code and message, or `coordinator-away`. */
  async request<M extends ClientMethod>(method: M, params: Params<M>): Promise<Result<M>> {
    // Whoever asks does not wait until the next try would be due.
    if (this.#state?.state === 'away') this.networkChanged()
    const answer = await this.#ask(method, params)
    if ('error' in answer) throw refusalOf(answer.error)
    // The client answers a request with a result of its method; a union of pairs does not show it to the compiler.
    return answer.result as Result<M>
  }

  /** Relays of the mesh, by which the coordinator may be reached where its own endpoints do not lead to it. */
  setRelays(relays: readonly NetmapRelay[]): void {
    const own = this.#contact.endpoints
    const known = new Set(own.map(linkEndpointText))
    const places = new Set(relays.flatMap(({ places }) => places).filter((place) => !known.has(place)))
    const ways = [...places].slice(0, MAX_RELAY_PLACES).map((url): LinkEndpoint => ({ kind: 'url', url }))
    this.#runner.tell({ kind: 'endpoints', endpoints: [...own, ...ways] })
  }

  networkChanged(): void {
    this.#runner.tell({ kind: 'network-changed' })
  }

  stop(): void {
    this.#listener = undefined
    this.#runner.tell({ kind: 'stop' })
    this.#alarm.set(undefined, () => undefined)
    for (const socket of this.#sockets.values()) socket.close()
    this.#sockets.clear()
  }

  #ask<M extends ClientMethod>(method: M, params: Params<M>): Promise<ClientAnswer> {
    const token = this.#nextToken++
    return new Promise((resolve) => {
      this.#waiting.set(token, resolve)
      this.#runner.tell({ kind: 'request', method, params, token } as ClientRequest)
    })
  }

  #act(output: ClientOutput): void {
    switch (output.kind) {
      case 'connect':
        this.#connect(output)
        return
      case 'disconnect':
        this.#sockets.get(output.connection)?.close()
        this.#sockets.delete(output.connection)
        return
      case 'send':
        this.#sockets.get(output.connection)?.send(output.frame)
        return
      case 'answer':
        this.#waiting.get(output.token)?.(output)
        this.#waiting.delete(output.token)
        return
      case 'netmap':
        this.#listener?.onNetmap(output.netmap, undefined)
        return
      case 'change':
        this.#listener?.onNetmap(output.netmap, output.change)
        return
      case 'removed':
        this.#listener?.onRemoved(output.revocation)
        return
      case 'state':
        this.#onState(output)
        return
      default:
        assertNever(output)
    }
  }

  #connect({ connection, endpoint }: Extract<ClientOutput, { kind: 'connect' }>): void {
    const socket = new ChannelSocket(endpoint, {
      onOpen: () => this.#runner.tell({ kind: 'connected', connection }),
      onFrame: (frame) => this.#runner.tell({ kind: 'received', connection, frame }),
      onClose: (reason) => {
        this.#sockets.delete(connection)
        this.#runner.tell({ kind: 'closed', connection, reason })
      },
    })
    this.#sockets.set(connection, socket)
  }

  #onState(output: Extract<ClientOutput, { kind: 'state' }>): void {
    const endpoint = output.state === 'connected' ? output.endpoint : this.#contact.endpoints[0]
    const reason = output.state === 'away' ? { reason: output.reason } : {}
    const url = endpoint === undefined ? (this.#state?.url ?? '') : linkEndpointText(endpoint)
    this.#state = { state: output.state, since: output.since, url, ...reason }
    this.#logger.info(`coordinator ${output.state}`)
    if (output.state === 'away') this.#logger.debug('coordinator away', reason)
    this.#listener?.onState(this.#state)
  }
}

function refusalOf(error: { readonly code: string; readonly message: string }): AgentError {
  if (error.code === 'away' || error.code === 'timeout') return new AgentError('coordinator-away', error.message)
  return new AgentError(error.code, error.message)
}
