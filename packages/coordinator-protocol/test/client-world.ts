import assert from 'node:assert/strict'
import { type Endpoint, type Instant, instant, type Now, type WallTime, wallTime } from '@weft/base'
import type { LinkEndpoint } from '@weft/identity'
import {
  ChannelResponder,
  type ClientAnswer,
  type ClientInput,
  type ClientOptions,
  type ClientOutput,
  CoordinatorClient,
  type FromCoordinator,
  type FromNode,
  type Netmap,
  type OwnProof,
  readFromNode,
} from '../src/index.ts'
import {
  aliceChannelKey,
  channelCertificate,
  coordinatorKey,
  countingRandom,
  crypto,
  keyOf,
  nodeIdNumber,
  START,
  serverChannelKey,
} from './fixture.ts'

/** What waits at an endpoint: the coordinator, someone else, a port that is closed, or nothing. */
export type Place = 'coordinator' | 'stranger' | 'closed' | 'nothing'

export const alice = nodeIdNumber(0xa)
export const first: LinkEndpoint = { kind: 'endpoint', endpoint: '192.0.2.1:7480' as Endpoint }
export const second: LinkEndpoint = { kind: 'url', url: 'https://weft.example' }

interface Connection {
  readonly place: Place
  readonly endpoint: LinkEndpoint
  readonly responder: ChannelResponder
  isClosed: boolean
}

/** A client on a manual clock, and whoever is at its endpoints; every message crosses the real channel. */
export class ClientWorld {
  readonly client: CoordinatorClient
  /** Everything but connect, send and disconnect. */
  readonly outputs: ClientOutput[] = []
  /** What the coordinator was told, newest last; pings left out. */
  readonly heard: FromNode[] = []
  readonly heardTexts: string[] = []
  readonly connections = new Map<number, Connection>()
  readonly places: Place[]
  pings = 0
  /** Whether the coordinator answers pings. */
  isAwake = true
  /** The highest that the coordinator speaks. */
  readonly #version: number
  #now: Now = { instant: instant(1000), wall: wallTime(START * 1000) }

  constructor(
    options: {
      places?: Place[]
      held?: Netmap
      proof?: OwnProof
      subscribes?: boolean
      endpoints?: LinkEndpoint[]
      seed?: number
      version?: number
    } = {},
  ) {
    this.#version = options.version ?? 2
    this.places = options.places ?? ['coordinator', 'coordinator']
    const { held, proof } = options
    const subscription: ClientOptions['subscription'] = {
      node: alice,
      ...(held === undefined ? {} : { held }),
      ...(proof === undefined ? {} : { proof }),
    }
    this.client = new CoordinatorClient({
      crypto,
      random: countingRandom(options.seed ?? 0),
      coordinatorKey: coordinatorKey.publicKey(crypto),
      channelKey: aliceChannelKey,
      endpoints: options.endpoints ?? [first, second],
      ...(options.subscribes === false ? {} : { subscription }),
    })
  }

  get now(): Instant {
    return this.#now.instant
  }

  tell(input: ClientInput): void {
    this.client.handle(input, this.#now)
    this.#settle()
  }

  /** Lets time pass, stopping wherever the client wants to be woken. */
  pass(milliseconds: number): void {
    const end = this.#now.instant + milliseconds
    for (let next = this.client.nextTimeout(); next !== undefined && next <= end; next = this.client.nextTimeout()) {
      this.#moveTo(Math.max(next, this.#now.instant))
      this.client.wake(this.#now)
      this.#settle()
      assert.notEqual(this.client.nextTimeout(), next, 'a deadline that passed is not asked for again')
    }
    this.#moveTo(end)
  }

  /** The one connection that is open on the coordinator's side. */
  get current(): number {
    const open = [...this.connections].filter(([, { place, isClosed }]) => place === 'coordinator' && !isClosed)
    assert.equal(open.length, 1, 'one open connection')
    return open[0]?.[0] ?? 0
  }

  get isConnected(): boolean {
    return [...this.connections.values()].some(({ place, isClosed }) => place === 'coordinator' && !isClosed)
  }

  say(message: FromCoordinator): void {
    this.sayText(JSON.stringify(message))
  }

  sayText(text: string): void {
    const { responder } = this.connection(this.current)
    responder.send(text)
    this.#pump(this.current)
  }

  /** Raw bytes, as if from the coordinator. */
  sayFrame(frame: Uint8Array): void {
    this.tell({ kind: 'received', connection: this.current, frame })
  }

  /** Answers the newest request. */
  answer(content: { result: object } | { error: { code: string; message: string } }): void {
    const request = this.heard.at(-1)
    assert.ok(request?.type === 'request')
    this.sayText(JSON.stringify({ type: 'answer', id: request.id, ...content }))
  }

  /** The coordinator closes it. */
  close(connection = this.current): void {
    this.connection(connection).isClosed = true
    this.tell({ kind: 'closed', connection })
  }

  connection(number: number): Connection {
    const connection = this.connections.get(number)
    assert.ok(connection)
    return connection
  }

  /** All outputs of a kind since the last time, in order. */
  take<Kind extends ClientOutput['kind']>(kind: Kind): Extract<ClientOutput, { kind: Kind }>[] {
    const taken = this.outputs.filter((output) => output.kind === kind)
    this.outputs.splice(0, this.outputs.length, ...this.outputs.filter((output) => output.kind !== kind))
    return taken as Extract<ClientOutput, { kind: Kind }>[]
  }

  takeStates(): readonly string[] {
    return this.take('state').map(({ state }) => state)
  }

  takeErrors(): readonly string[] {
    return this.take('answer').map((answer: ClientAnswer) => ('error' in answer ? answer.error.code : 'result'))
  }

  methods(): readonly string[] {
    return this.heard.map((message) => (message.type === 'request' ? message.method : message.type))
  }

  #moveTo(at: number): void {
    const wall = this.#now.wall + (at - this.#now.instant)
    this.#now = { instant: instant(at), wall: wall as WallTime }
  }

  #settle(): void {
    for (let output = this.client.poll(); output !== undefined; output = this.client.poll()) this.#act(output)
  }

  #act(output: ClientOutput): void {
    switch (output.kind) {
      case 'connect':
        this.#connect(output.connection, output.endpoint)
        return
      case 'disconnect':
        this.connection(output.connection).isClosed = true
        return
      case 'send': {
        const connection = this.connection(output.connection)
        assert.ok(!connection.isClosed, 'nothing is sent on a closed connection')
        connection.responder.receive(output.frame)
        this.#pump(output.connection)
        return
      }
      default:
        this.outputs.push(output)
    }
  }

  #connect(number: number, endpoint: LinkEndpoint): void {
    const place = this.places[endpoint === first ? 0 : 1] ?? 'nothing'
    const certificate = channelCertificate({}, place === 'stranger' ? keyOf('coordinator', 7) : coordinatorKey)
    const random = countingRandom(number)
    const responder = new ChannelResponder({
      crypto,
      random,
      channelKey: serverChannelKey,
      certificate,
      version: this.#version,
    })
    const isClosed = place === 'closed'
    this.connections.set(number, { place, endpoint, responder, isClosed })
    if (isClosed) this.client.handle({ kind: 'closed', connection: number, reason: 'connection refused' }, this.#now)
    else if (place !== 'nothing') {
      this.client.handle({ kind: 'connected', connection: number }, this.#now)
      this.#pump(number)
    }
  }

  #pump(number: number): void {
    const connection = this.connection(number)
    const { responder } = connection
    for (let output = responder.poll(); output !== undefined; output = responder.poll()) {
      if (output.kind === 'frame') {
        if (connection.isClosed) continue
        this.client.handle({ kind: 'received', connection: number, frame: output.frame }, this.#now)
        this.#settle()
      } else if (output.kind === 'message') this.#hear(output.text, responder)
      else assert.equal(output.kind, 'open')
    }
  }

  #hear(text: string, responder: ChannelResponder): void {
    const message = readFromNode(text)
    assert.ok(message, text)
    this.heardTexts.push(text)
    if (message.type === 'ping') {
      this.pings++
      if (this.isAwake) responder.send('{"type":"pong"}')
    } else this.heard.push(message)
  }
}

export function connected(options: { subscribes?: boolean; answered?: boolean } = {}): ClientWorld {
  const world = new ClientWorld({ subscribes: options.subscribes ?? true })
  world.tell({ kind: 'start' })
  assert.ok(world.isConnected)
  if (options.answered !== false && options.subscribes !== false) world.answer({ result: {} })
  world.outputs.length = 0
  return world
}

export function lastParams(world: ClientWorld): object {
  const request = world.heard.at(-1)
  assert.ok(request?.type === 'request')
  return request.params
}
