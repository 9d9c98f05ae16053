import { type Endpoint, fromBase64, type IpAddress, invariant, toBase64, type WallTime, wallTime } from '@weft/base'
import {
  type AnswerError,
  ChannelInitiator,
  type FromCoordinator,
  type Method,
  mergeNetmap,
  type Netmap,
  type NetmapChange,
  type Params,
  parseResult,
  type Result,
  readFromCoordinator,
} from '@weft/coordinator-protocol'
import { nativeCrypto as crypto, systemRandom as random } from '@weft/crypto'
import {
  createDeviceCertificate,
  createRecord,
  generateNodeKeys,
  type JoinLink,
  type NodeKeys,
  readLink,
  verifyChain,
  verifyLinkCertificates,
} from '@weft/identity'
import { type NodeId, nodeIdOf, type PublicKey } from '@weft/keys'
import { WebSocket } from 'ws'

/** A request that the coordinator answered with an error. */
export class Refused extends Error {
  readonly code: AnswerError['code']

  constructor({ code, message }: AnswerError) {
    super(message)
    this.code = code
  }
}

interface ChannelOptions {
  /** Sees every frame that is sent. */
  readonly spy?: (frame: Uint8Array) => void
  readonly version?: number
  /** The node's clock. */
  readonly at?: WallTime
}

/** One channel to a coordinator, as a node would have it; it keeps every message in the order it came. */
export class TestChannel {
  readonly #socket: WebSocket
  readonly #initiator: ChannelInitiator
  readonly #answers = new Map<number, (message: Extract<FromCoordinator, { type: 'answer' }>) => void>()
  readonly #watchers = new Set<() => void>()
  readonly #spy: (frame: Uint8Array) => void
  readonly #opened = Promise.withResolvers<void>()
  readonly closed: Promise<number>
  readonly texts: string[] = []
  /** What stood behind the texts. */
  readonly bytes: Uint8Array[] = []
  readonly changes: NetmapChange[] = []
  netmap: Netmap | undefined
  #lastId = 0

  private constructor(
    url: string,
    keys: NodeKeys,
    coordinatorKey: PublicKey<'coordinator'>,
    { spy, version, at }: ChannelOptions,
  ) {
    this.#spy = spy ?? (() => {})
    this.#socket = new WebSocket(url, 'weft.channel.1')
    this.#initiator = new ChannelInitiator({
      crypto,
      random,
      coordinatorKey,
      channelKey: keys.channel,
      at: at ?? wallTime(Date.now()),
      ...(version === undefined ? {} : { version }),
    })
    this.#socket.on('message', (data: Buffer) => this.#receive(data))
    this.#socket.on('error', (error) => this.#opened.reject(error))
    this.closed = new Promise((resolve) => this.#socket.on('close', resolve))
    void this.closed.then(() => this.#opened.reject(new Error('closed')))
    this.#opened.promise.catch(() => {})
  }

  static async open(
    url: string,
    keys: NodeKeys,
    key: PublicKey<'coordinator'>,
    options: ChannelOptions = {},
  ): Promise<TestChannel> {
    const channel = new TestChannel(url, keys, key, options)
    await channel.#opened.promise
    return channel
  }

  /** @throws {Refused} */
  async request<M extends Method>(method: M, params: Params<M>): Promise<Result<M>> {
    const id = ++this.#lastId
    const { promise, resolve, reject } = Promise.withResolvers<Extract<FromCoordinator, { type: 'answer' }>>()
    this.#answers.set(id, resolve)
    void this.closed.then((code) => reject(new Error(`closed with ${code}`)))
    this.say(JSON.stringify({ type: 'request', id, method, params }))
    const answer = await promise
    if ('error' in answer) throw new Refused(answer.error)
    const result = parseResult(method, answer.result)
    invariant(result !== undefined, `a result of ${method}`)
    return result
  }

  say(text: string): void {
    this.#initiator.send(text)
    this.#drain()
  }

  sayRaw(data: Uint8Array | string): void {
    this.#socket.send(data)
  }

  /** Once the condition holds; it is looked at with every message. */
  async until(condition: () => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const look = () => condition() && resolve()
    this.#watchers.add(look)
    look()
    await Promise.race([promise, this.closed.then((code) => Promise.reject(new Error(`closed with ${code}`)))])
    this.#watchers.delete(look)
  }

  async close(): Promise<void> {
    this.#socket.close()
    await this.closed
  }

  #receive(data: Buffer): void {
    this.#initiator.receive(new Uint8Array(data))
    this.#drain()
  }

  #drain(): void {
    for (let output = this.#initiator.poll(); output !== undefined; output = this.#initiator.poll()) {
      if (output.kind === 'frame') this.#send(output.frame)
      else if (output.kind === 'open') this.#opened.resolve()
      else if (output.kind === 'failed') this.#opened.reject(new Error(output.reason))
      else this.#take(output)
    }
    for (const look of this.#watchers) look()
  }

  #send(frame: Uint8Array): void {
    this.#spy(frame)
    this.#socket.send(frame)
  }

  #take({ text, bytes }: { readonly text: string; readonly bytes?: Uint8Array }): void {
    this.texts.push(text)
    if (bytes !== undefined) this.bytes.push(bytes)
    const message = readFromCoordinator(text, bytes)
    invariant(message !== undefined, `a message of the schema: ${text.slice(0, 200)}`)
    if (message.type === 'netmap') this.netmap = message
    if (message.type === 'change') {
      this.changes.push(message)
      if (this.netmap !== undefined) {
        const merged = mergeNetmap(this.netmap, message)
        invariant(merged !== undefined, 'changes fit one behind the other')
        this.netmap = merged
      }
    }
    if (message.type === 'answer') this.#answers.get(message.id)?.(message)
  }
}

/** A device as its agent would have it, without tunnels. */
export class TestNode {
  readonly keys: NodeKeys
  readonly link: JoinLink
  readonly record: Uint8Array
  readonly id: NodeId
  readonly hostName: string
  address4: IpAddress | undefined
  chain: Uint8Array | undefined
  name: string | undefined
  /** The highest of the messages that it speaks; the newest where it is left away. */
  version: number | undefined

  constructor(link: string, hostName: string, keys: NodeKeys = generateNodeKeys(random)) {
    this.keys = keys
    this.link = readLink(link, crypto)
    this.record = createRecord(keys, 1, crypto)
    this.id = nodeIdOf(keys.identity.publicKey(crypto), crypto)
    this.hostName = hostName
  }

  connect(port: number): Promise<TestChannel> {
    return this.connectTo('127.0.0.1', port)
  }

  connectTo(host: string, port: number): Promise<TestChannel> {
    return TestChannel.open(
      `ws://${host}:${port}/v1/channel`,
      this.keys,
      this.link.coordinatorKey,
      this.version === undefined ? {} : { version: this.version },
    )
  }

  /** The certificate that lets this node in, made with the link as a joining node does. */
  async certify(channel: TestChannel): Promise<Uint8Array> {
    const linkKey = this.link.seed.publicKey(crypto)
    const opened = await channel.request('open-link', { linkKey })
    const at = wallTime(Date.now())
    const grant = verifyLinkCertificates({
      account: bytes(opened.account),
      link: bytes(opened.link),
      mesh: this.link.mesh,
      linkKey,
      at,
      crypto,
    })
    const identityKey = this.keys.identity.publicKey(crypto)
    return createDeviceCertificate({ grant, link: this.link.seed, identityKey, at, crypto })
  }

  async join(channel: TestChannel): Promise<void> {
    const certificate = await this.certify(channel)
    await this.joinWith(channel, certificate)
  }

  async joinWith(channel: TestChannel, certificate: Uint8Array): Promise<Result<'join'>> {
    const joined = await channel.request('join', {
      record: toBase64(this.record),
      certificate: toBase64(certificate),
      hostName: this.hostName,
    })
    const chain = bytes(joined.chain)
    const proven = verifyChain({ chain, mesh: this.link.mesh, at: wallTime(Date.now()), crypto })
    invariant(proven.nodeId === this.id && joined.id === this.id, 'the chain is for this node')
    this.address4 = joined.address4
    this.name = joined.name
    this.chain = chain
    return joined
  }

  /** Joins and subscribes on one channel. */
  async enter(port: number, endpoints: readonly Endpoint[] = []): Promise<TestChannel> {
    const channel = await this.connect(port)
    await this.join(channel)
    if (endpoints.length > 0) await channel.request('publish', { endpoints: [...endpoints] })
    await this.subscribe(channel)
    return channel
  }

  async subscribe(channel: TestChannel, held?: { epoch: string; number: number }): Promise<void> {
    const seen = channel.texts.length
    await channel.request('subscribe', { node: this.id, ...held })
    await channel.until(() => channel.texts.length > seen + 1)
  }
}

function bytes(text: string): Uint8Array {
  const decoded = fromBase64(text)
  invariant(decoded !== undefined, 'base64')
  return decoded
}
