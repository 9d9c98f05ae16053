import { assertNever, type Core, earliest, type Instant, invariant, later, type Now, seconds } from '@weft/base'
import type { LinkEndpoint } from '@weft/identity'
import { Backoff } from './backoff.ts'
import type { HeardMessage } from './channel-frames.ts'
import { ChannelInitiator, type ChannelOutput } from './channel-initiator.ts'
import type { ClientInput, ClientOptions, ClientOutput, ClientState } from './client-interface.ts'
import { attemptOf, type Connected, channelOf, connectionsOf, type Phase, phaseTimeout } from './client-phase.ts'
import { type Attempt, ConnectionRound } from './connection-round.ts'
import { Liveness } from './liveness.ts'
import { type FromCoordinator, type Method, readFromCoordinator } from './messages.ts'
import { NetmapSubscription, type SubscriptionStep } from './netmap-subscription.ts'
import { PendingRequests } from './pending-requests.ts'

/** From the try to connect to the open channel. */
const CONNECT_TIMEOUT = seconds(10)
const PING = '{"type":"ping"}'

/**
 * A node's standing with its coordinator, over any number of connections.
 *
 * stopped · connecting: all endpoints are tried side by side, the first whose channel opens wins and the others are closed ·
 * connected: one open channel · waiting: until the next try, ever longer. On an open channel the node subscribes with the
 * netmap that it holds, and asks what its owner asks; nothing that was sent is sent again by itself.
 *
 * A failure of the coordinator changes no netmap: the last whole one stays.
 */
export class CoordinatorClient implements Core<ClientInput, ClientOutput> {
  readonly #options: ClientOptions
  readonly #backoff: Backoff
  readonly #requests = new PendingRequests()
  readonly #outputs: ClientOutput[] = []
  #phase: Phase = { kind: 'stopped' }
  #state: ClientState | undefined
  #subscription: NetmapSubscription | undefined
  #endpoints: readonly LinkEndpoint[]
  #nextConnection = 1
  #nextRequest = 1

  constructor(options: ClientOptions) {
    invariant(options.endpoints.length > 0, 'a coordinator has an endpoint')
    this.#options = options
    this.#endpoints = options.endpoints
    this.#backoff = new Backoff(options.random)
    if (options.subscription !== undefined) this.#subscription = new NetmapSubscription(options.subscription)
  }

  handle(input: ClientInput, now: Now): void {
    switch (input.kind) {
      case 'start':
        if (this.#phase.kind === 'stopped') this.#start(now)
        break
      case 'stop':
        this.#stop()
        break
      case 'connected':
        this.#onConnected(input.connection, now)
        break
      case 'closed':
        this.#onClosed(input.connection, input.reason, now)
        break
      case 'received':
        this.#onReceived(input.connection, input.frame, now)
        break
      case 'request':
        this.#push(this.#requests.add(input, now.instant))
        this.#sendWaiting()
        break
      case 'subscribe':
        this.#subscription = new NetmapSubscription(input)
        this.#subscribe(now)
        break
      case 'endpoints':
        if (input.endpoints.length > 0) this.#endpoints = input.endpoints
        break
      case 'network-changed':
        this.#onNetworkChanged(now)
        break
      default:
        assertNever(input)
    }
  }

  wake(now: Now): void {
    for (const answer of this.#requests.expire(now.instant)) this.#push(answer)
    const phase = this.#phase
    switch (phase.kind) {
      case 'stopped':
        break
      case 'waiting':
        if (phase.until <= now.instant) this.#transitionToConnecting(now)
        break
      case 'connecting':
        if (phase.round.until <= now.instant) this.#onRoundFailed(phase.round, now)
        break
      case 'connected':
        this.#keepAlive(phase, now)
        break
      default:
        assertNever(phase)
    }
  }

  poll(): ClientOutput | undefined {
    return this.#outputs.shift()
  }

  nextTimeout(): Instant | undefined {
    return earliest(this.#requests.nextDeadline(), phaseTimeout(this.#phase, this.#subscription?.deadline))
  }

  #start(now: Now): void {
    this.#backoff.reset()
    this.#tellState({ kind: 'state', state: 'connecting', since: now.wall })
    this.#transitionToConnecting(now)
  }

  #stop(): void {
    this.#closeAll()
    this.#phase = { kind: 'stopped' }
    this.#state = undefined
    const error = { code: 'stopped', message: 'the connection to the coordinator was ended here' } as const
    for (const answer of this.#requests.failAll(error)) this.#push(answer)
  }

  #transitionToConnecting(now: Now): void {
    const round = new ConnectionRound(this.#endpoints, this.#nextConnection, later(now.instant, CONNECT_TIMEOUT))
    this.#nextConnection += this.#endpoints.length
    this.#phase = { kind: 'connecting', round }
    for (const { connection, endpoint } of round.attempts) this.#outputs.push({ kind: 'connect', connection, endpoint })
  }

  #transitionToConnected(
    { connection, endpoint }: Attempt,
    opened: Pick<Connected, 'channel' | 'version'>,
    now: Now,
  ): void {
    this.#closeAll(connection)
    const phase: Connected = { kind: 'connected', connection, ...opened, liveness: new Liveness(now.instant) }
    this.#phase = phase
    this.#tellState({ kind: 'state', state: 'connected', since: now.wall, endpoint })
    // The coordinator waits for a first frame, to know that this is no replay.
    this.#ping(phase, now)
    this.#subscribe(now)
    this.#sendWaiting()
  }

  #transitionToWaiting(reason: string, now: Now): void {
    const since = this.#state?.state === 'away' ? this.#state.since : now.wall
    this.#subscription?.lost()
    this.#phase = { kind: 'waiting', until: later(now.instant, this.#backoff.next()) }
    this.#tellState({ kind: 'state', state: 'away', since, reason })
  }

  #onConnected(connection: number, now: Now): void {
    const attempt = attemptOf(this.#phase, connection)
    if (attempt !== undefined) attempt.channel ??= new ChannelInitiator({ ...this.#options, at: now.wall })
  }

  #onClosed(connection: number, reason: string | undefined, now: Now): void {
    const phase = this.#phase
    if (phase.kind === 'connecting') {
      const attempt = phase.round.attempt(connection)
      if (attempt === undefined) return
      phase.round.onClosed(attempt, reason ?? 'the connection was closed')
      if (phase.round.isOver) this.#onRoundFailed(phase.round, now)
    } else if (phase.kind === 'connected' && phase.connection === connection) {
      this.#onLost(phase, `the coordinator closed the connection${reason === undefined ? '' : ` (${reason})`}`, now)
    }
  }

  #onReceived(connection: number, frame: Uint8Array, now: Now): void {
    const channel = channelOf(this.#phase, connection)
    if (channel === undefined) return
    channel.receive(frame)
    for (let output = channel.poll(); output !== undefined; output = channel.poll()) {
      this.#onChannel(connection, channel, output, now)
    }
    if (this.#phase.kind === 'connected' && this.#phase.connection === connection) {
      this.#phase.liveness.onHeard(now.instant)
    }
  }

  #onChannel(connection: number, channel: ChannelInitiator, output: ChannelOutput, now: Now): void {
    switch (output.kind) {
      case 'frame':
        this.#outputs.push({ kind: 'send', connection, frame: output.frame })
        break
      case 'open': {
        const attempt = attemptOf(this.#phase, connection)
        if (attempt !== undefined) this.#transitionToConnected(attempt, { channel, version: output.version }, now)
        break
      }
      case 'message':
        this.#onMessage(output, now)
        break
      case 'failed':
        this.#onChannelFailed(connection, output.message, now)
        break
      default:
        assertNever(output)
    }
  }

  #onChannelFailed(connection: number, message: string, now: Now): void {
    const phase = this.#phase
    if (phase.kind === 'connected') this.#onLost(phase, message, now)
    else if (phase.kind === 'connecting') {
      const attempt = phase.round.attempt(connection)
      if (attempt === undefined) return
      this.#outputs.push({ kind: 'disconnect', connection })
      phase.round.onRefused(attempt, message)
      if (phase.round.isOver) this.#onRoundFailed(phase.round, now)
    }
  }

  #onRoundFailed(round: ConnectionRound, now: Now): void {
    const message = round.failure()
    this.#closeAll()
    for (const answer of this.#requests.failAll({ code: 'away', message })) this.#push(answer)
    this.#transitionToWaiting(message, now)
  }

  #onLost(phase: Connected, reason: string, now: Now): void {
    this.#closeAll()
    if (phase.liveness.isStable(now.instant)) this.#backoff.reset()
    const message = 'the connection was lost before the coordinator answered: see whether it was done, and try again'
    for (const answer of this.#requests.failSent({ code: 'away', message })) this.#push(answer)
    this.#transitionToWaiting(reason, now)
  }

  #onMessage({ text, bytes }: HeardMessage, now: Now): void {
    const message = readFromCoordinator(text, bytes)
    if (message === undefined) {
      this.#onFault('the coordinator says what this weft does not know: update the older of the two', now)
      return
    }
    switch (message.type) {
      case 'pong':
        break
      case 'answer':
        this.#onAnswer(message, now)
        break
      case 'netmap':
        this.#follow(this.#subscription?.onNetmap(message), now)
        break
      case 'change':
        this.#follow(this.#subscription?.onChange(message), now)
        break
      case 'removed':
        this.#outputs.push({ kind: 'removed', revocation: message.revocation })
        break
      default:
        assertNever(message)
    }
  }

  #onAnswer(answer: Extract<FromCoordinator, { readonly type: 'answer' }>, now: Now): void {
    if (this.#subscription?.asked(answer.id)) this.#follow(this.#subscription.onAnswer(answer), now)
    else this.#push(this.#requests.answer(answer.id, answer))
  }

  #subscribe(now: Now): void {
    if (this.#phase.kind === 'connected') this.#follow(this.#subscription?.begin(this.#phase.version), now)
  }

  #follow(step: SubscriptionStep | undefined, now: Now): void {
    switch (step?.kind) {
      case undefined:
      case 'nothing':
        break
      case 'tell':
        this.#outputs.push(step.output)
        break
      case 'ask':
        if (this.#phase.kind !== 'connected') break
        this.#subscription?.sent(step, this.#nextRequest, now.instant)
        this.#ask(this.#phase, step)
        break
      case 'fault':
        this.#onFault(step.reason, now)
        break
      default:
        assertNever(step)
    }
  }

  #onFault(reason: string, now: Now): void {
    if (this.#phase.kind === 'connected') this.#onLost(this.#phase, reason, now)
  }

  #onNetworkChanged(now: Now): void {
    const phase = this.#phase
    if (phase.kind === 'waiting' || phase.kind === 'connecting') {
      this.#closeAll()
      this.#backoff.reset()
      this.#transitionToConnecting(now)
    } else if (phase.kind === 'connected') {
      this.#ping(phase, now)
      phase.liveness.onDoubt(now.instant)
    }
  }

  #keepAlive(phase: Connected, now: Now): void {
    const due = phase.liveness.due(now.instant)
    const deadline = this.#subscription?.deadline
    if (due === 'close' || (deadline !== undefined && deadline <= now.instant)) {
      this.#onLost(phase, 'the coordinator does not answer any more', now)
    } else if (due === 'ping') this.#ping(phase, now)
  }

  #ping(phase: Connected, now: Now): void {
    phase.liveness.onPing(now.instant)
    this.#say(phase, PING)
  }

  #sendWaiting(): void {
    if (this.#phase.kind !== 'connected') return
    for (;;) {
      const request = this.#requests.takeWaiting(this.#nextRequest)
      if (request === undefined) return
      this.#ask(this.#phase, request)
    }
  }

  #ask(phase: Connected, { method, params }: { readonly method: Method; readonly params: unknown }): void {
    const id = this.#nextRequest++
    this.#say(phase, JSON.stringify({ type: 'request', id, method, params }))
  }

  #say({ connection, channel }: Connected, message: string): void {
    channel.send(message)
    for (let output = channel.poll(); output !== undefined; output = channel.poll()) {
      invariant(output.kind === 'frame', 'saying something brings frames only')
      this.#outputs.push({ kind: 'send', connection, frame: output.frame })
    }
  }

  #closeAll(but?: number): void {
    for (const connection of connectionsOf(this.#phase)) {
      if (connection !== but) this.#outputs.push({ kind: 'disconnect', connection })
    }
  }

  #tellState(state: ClientState): void {
    const before = this.#state
    this.#state = state
    if (before?.state !== 'away' || state.state !== 'away' || before.reason !== state.reason) this.#outputs.push(state)
  }

  #push(output: ClientOutput | undefined): void {
    if (output !== undefined) this.#outputs.push(output)
  }
}
