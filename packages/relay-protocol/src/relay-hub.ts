import {
  type Endpoint,
  endpointOf,
  fromHex,
  type IpAddress,
  invariant,
  isPrivate,
  type Now,
  type Random,
  type Rate,
  randomBytes,
  scopeOf,
  seconds,
  TokenBucket,
  toHex,
  type WallTime,
  wallTime,
} from '@weft/base'
import { type ChainKeys, IdentityError, RevocationList } from '@weft/identity'
import type { CryptoProvider, MeshId, NodeId, PublicKey } from '@weft/keys'
import { isCoordinator, verifyMembership } from './admission.ts'
import {
  CALL_TOKEN_LENGTH,
  datagramBytes,
  decodeFrames,
  encodeFrame,
  type Frame,
  type KnockOutcome,
  MAX_MESSAGE,
  NONCE_LENGTH,
  readdress,
} from './frames.ts'
import { Outbox } from './outbox.ts'

/** One connection, numbered by its owner. */
export type Client = number

export interface HubLimits {
  /** Bytes that wait for one node. */
  readonly outbox: number
  /** Bytes of datagrams from one node. */
  readonly bytes: Rate
  /** Datagrams for nodes that are not here: each is answered. */
  readonly absent: Rate
  /** How often the relay looks whether the coordinator is reached from outside. */
  readonly knocks: Rate
}

export const defaultHubLimits: HubLimits = {
  outbox: 512 * 1024,
  bytes: { burst: 16 * 1024 * 1024, perSecond: 256 * 1024 * 1024 },
  absent: { burst: 20, perSecond: 5 },
  knocks: { burst: 4, perSecond: 1 / 30 },
}

/** Why a connection ends, or what went no further. */
export type HubEvent =
  | 'message-malformed'
  | 'admission-refused'
  | 'certificate-expired'
  | 'revoked'
  | 'revocation-refused'
  | 'replaced'
  /** Who waited for the coordinator waits no more. */
  | 'caller-gone'
  | 'dropped-full'
  | 'dropped-rate'
  | 'dropped-absent'

/** Who waits for the coordinator, numbered by its owner. */
export type Caller = number

export type HubOutput =
  /** Something waits for it: `take`. */
  | { readonly kind: 'ready'; readonly client: Client }
  /** It is a member now, or the coordinator, which is no node. */
  | { readonly kind: 'admitted'; readonly client: Client; readonly node?: NodeId }
  /** The client is the coordinator's answer to the caller, and no client any more: what either says is for the other. */
  | { readonly kind: 'answered'; readonly client: Client; readonly caller: Caller }
  /** To see whether somebody answers to the token there; `knocked` tells it. */
  | { readonly kind: 'knock'; readonly client: Client; readonly token: Uint8Array; readonly at: Endpoint }
  | { readonly kind: 'close'; readonly client: Client; readonly reason: HubEvent; readonly detail?: string }

type State =
  | { readonly kind: 'challenged'; readonly nonce: Uint8Array }
  | {
      readonly kind: 'admitted'
      readonly node: string
      readonly id: Uint8Array
      readonly keys: ChainKeys
      readonly until: WallTime
    }
  | { readonly kind: 'coordinator' }
  | { readonly kind: 'over' }

interface Connection {
  readonly client: Client
  readonly outbox: Outbox
  readonly bytes: TokenBucket
  readonly absent: TokenBucket
  readonly seenAt: IpAddress | undefined
  state: State
}

export interface HubOptions {
  readonly mesh: MeshId
  /** How the relay is called: 16 bytes in hexadecimal, as a node's. */
  readonly id: NodeId
  /** Of a relay elsewhere: the coordinator may visit it, and is told where STUN is answered. */
  readonly elsewhere?: { readonly coordinatorKey: PublicKey<'coordinator'>; readonly stunPort: number | undefined }
  readonly crypto: CryptoProvider
  readonly random: Random
  readonly limits?: HubLimits
}

/** How often certificates are looked at for their end. */
export const SWEEP_EVERY = seconds(60)

/**
 * A relay's decisions: who is let in, and what goes to whom. A connection is *challenged*, then *admitted* as the node that
 * it proved to be, then *over*. Datagrams are never looked into. A node has one connection: a newer one takes its place.
 */
export class RelayHub {
  readonly #options: HubOptions
  readonly #id: Uint8Array
  readonly #limits: HubLimits
  readonly #connections = new Map<Client, Connection>()
  readonly #byNode = new Map<string, Connection>()
  #coordinator: Connection | undefined
  readonly #knocks: TokenBucket
  readonly #callers = new Map<string, Caller>()
  readonly #outputs: HubOutput[] = []
  readonly #counts = new Map<HubEvent, number>()
  readonly #revocations: RevocationList

  constructor(options: HubOptions) {
    this.#options = options
    this.#limits = options.limits ?? defaultHubLimits
    const id = fromHex(options.id)
    invariant(id !== undefined, 'a relay has an id')
    this.#id = id
    this.#knocks = new TokenBucket(this.#limits.knocks)
    this.#revocations = new RevocationList(options.mesh, options.crypto)
  }

  /** Nodes that are here. */
  get nodes(): number {
    return this.#byNode.size
  }

  /** Since the start; those that never happened are left out. */
  counts(): Readonly<Partial<Record<HubEvent, number>>> {
    return Object.fromEntries(this.#counts)
  }

  poll(): HubOutput | undefined {
    return this.#outputs.shift()
  }

  /** @param seenAt where it comes from. */
  opened(client: Client, seenAt?: IpAddress): void {
    const nonce = randomBytes(this.#options.random, NONCE_LENGTH)
    const connection: Connection = {
      client,
      outbox: new Outbox(this.#limits.outbox),
      bytes: new TokenBucket(this.#limits.bytes),
      absent: new TokenBucket(this.#limits.absent),
      seenAt,
      state: { kind: 'challenged', nonce },
    }
    this.#connections.set(client, connection)
    this.#say(connection, { kind: 'challenge', relay: this.#id, nonce })
  }

  /** The message is the hub's from then on: what it forwards of it is not copied. */
  received(client: Client, message: Uint8Array, now: Now): void {
    const connection = this.#connections.get(client)
    if (connection === undefined || connection.state.kind === 'over') return
    const frames = decodeFrames(message)
    if (frames === undefined) this.#close(connection, 'message-malformed')
    else for (const frame of frames) this.#onFrame(connection, frame, now)
  }

  /** Somebody wants to speak with the coordinator: whether it is there to be told. */
  called(caller: Caller, source: IpAddress): boolean {
    if (this.#coordinator === undefined) return false
    const token = randomBytes(this.#options.random, CALL_TOKEN_LENGTH)
    this.#callers.set(toHex(token), caller)
    this.#say(this.#coordinator, { kind: 'caller', token, source })
    return true
  }

  /** Nobody waits any more. */
  hungUp(caller: Caller): void {
    for (const [token, waiting] of this.#callers) if (waiting === caller) this.#callers.delete(token)
  }

  /** What was found where a `knock` led. */
  knocked(client: Client, token: Uint8Array, outcome: KnockOutcome): void {
    const connection = this.#connections.get(client)
    if (connection?.state.kind === 'coordinator') this.#say(connection, { kind: 'knocked', token, outcome })
  }

  closed(client: Client): void {
    const connection = this.#connections.get(client)
    if (connection === undefined) return
    this.#forget(connection)
    this.#connections.delete(client)
  }

  /** The next message for the client; `undefined` where nothing waits. */
  take(client: Client): Uint8Array | undefined {
    return this.#connections.get(client)?.outbox.take(MAX_MESSAGE)
  }

  /** Tells everybody that it ends soon. */
  drain(): void {
    for (const connection of this.#connections.values()) this.#say(connection, { kind: 'draining' })
  }

  /** Whoever these concern is let in no more, and goes at once. One that does not hold is counted, and changes nothing. */
  revoke(revocations: readonly Uint8Array[], now: Now): void {
    const isNew = revocations.filter((bytes) => this.#learn(bytes, now.wall)).length > 0
    if (!isNew) return
    for (const connection of this.#connections.values()) {
      const { state } = connection
      if (state.kind === 'admitted' && this.#isRevoked(state.keys)) this.#close(connection, 'revoked')
    }
  }

  /** To be called every `SWEEP_EVERY`. */
  sweep(now: Now): void {
    for (const connection of this.#connections.values()) {
      if (connection.state.kind === 'admitted' && connection.state.until < now.wall)
        this.#close(connection, 'certificate-expired')
    }
  }

  #onFrame(connection: Connection, frame: Frame, now: Now): void {
    const { state } = connection
    if (state.kind === 'challenged' && frame.kind === 'admission')
      this.#onAdmission(connection, state.nonce, frame.proof, now)
    else if (state.kind === 'challenged' && frame.kind === 'coordinator')
      this.#onCoordinator(connection, state.nonce, frame.signature)
    else if (state.kind === 'challenged' && frame.kind === 'answer') this.#onAnswer(connection, frame.token)
    else if (state.kind === 'admitted' && frame.kind === 'datagrams') this.#forward(connection, state, frame, now)
    else if ((state.kind === 'admitted' || state.kind === 'coordinator') && frame.kind === 'ping')
      this.#say(connection, { kind: 'pong', token: frame.token.slice() })
    else if (state.kind === 'coordinator' && frame.kind === 'revocation') this.revoke([frame.bytes], now)
    else if (state.kind === 'coordinator' && frame.kind === 'knock') this.#onKnock(connection, frame, now)
    else if (state.kind !== 'over') this.#close(connection, 'message-malformed')
  }

  #onAdmission(connection: Connection, nonce: Uint8Array, proof: Uint8Array, now: Now): void {
    const { mesh, crypto } = this.#options
    const member = verifyMembership(proof, { relay: this.#id, nonce }, { mesh, at: now.wall, crypto })
    if (typeof member === 'string') {
      this.#close(connection, 'admission-refused', member)
      return
    }
    if (this.#isRevoked(member)) {
      this.#close(connection, 'admission-refused', 'revoked')
      return
    }
    const id = fromHex(member.nodeId)
    invariant(id !== undefined, 'a node id is hexadecimal')
    const node = keyOf(id)
    const before = this.#byNode.get(node)
    if (before !== undefined) this.#close(before, 'replaced')
    connection.state = { kind: 'admitted', node, id, keys: member, until: wallTime(member.notAfter * 1000) }
    this.#byNode.set(node, connection)
    this.#say(connection, { kind: 'admitted' })
    this.#outputs.push({ kind: 'admitted', client: connection.client, node: member.nodeId })
  }

  /** A token is good once; who has it was told by this relay. */
  #onAnswer(connection: Connection, token: Uint8Array): void {
    const caller = this.#callers.get(toHex(token))
    this.#callers.delete(toHex(token))
    if (caller === undefined) {
      this.#close(connection, 'caller-gone')
      return
    }
    this.#forget(connection)
    this.#connections.delete(connection.client)
    this.#outputs.push({ kind: 'answered', client: connection.client, caller })
  }

  #onCoordinator(connection: Connection, nonce: Uint8Array, signature: Uint8Array): void {
    const { elsewhere, crypto } = this.#options
    const { seenAt } = connection
    const challenge = { relay: this.#id, nonce }
    if (elsewhere === undefined || !isCoordinator(signature, challenge, elsewhere.coordinatorKey, crypto)) {
      this.#close(connection, 'admission-refused', 'coordinator-unknown')
      return
    }
    if (this.#coordinator !== undefined) this.#close(this.#coordinator, 'replaced')
    connection.state = { kind: 'coordinator' }
    this.#coordinator = connection
    this.#say(connection, { kind: 'welcome', stunPort: elsewhere.stunPort, seenAt: seenAt ?? UNKNOWN_ADDRESS })
    this.#outputs.push({ kind: 'admitted', client: connection.client })
  }

  /** Nobody but who asks is knocked at: a relay is no tool to look at the ports of others. */
  #onKnock({ client, seenAt }: Connection, { token, port }: Extract<Frame, { kind: 'knock' }>, now: Now): void {
    const own = token.slice()
    if (seenAt === undefined || scopeOf(seenAt) !== 'other' || isPrivate(seenAt))
      this.knocked(client, own, 'not-outside')
    else if (!this.#knocks.take(now.instant)) this.knocked(client, own, 'too-often')
    else this.#outputs.push({ kind: 'knock', client, token: own, at: endpointOf(seenAt, port) })
  }

  /** Whether it is new. */
  #learn(bytes: Uint8Array, at: WallTime): boolean {
    try {
      const added = this.#revocations.add(bytes, at)
      if (added === 'full') this.#count('revocation-refused')
      return added === 'new'
    } catch (error) {
      if (!(error instanceof IdentityError)) throw error
      this.#count('revocation-refused')
      return false
    }
  }

  #isRevoked(keys: ChainKeys): boolean {
    return this.#revocations.of(keys) !== undefined
  }

  #forward(
    from: Connection,
    state: Extract<State, { kind: 'admitted' }>,
    { node, frames, count }: Extract<Frame, { kind: 'datagrams' }>,
    now: Now,
  ): void {
    if (!from.bytes.take(now.instant, datagramBytes(frames, count))) {
      this.#count('dropped-rate', count)
      return
    }
    const to = this.#byNode.get(keyOf(node))
    if (to === undefined) {
      this.#count('dropped-absent', count)
      if (from.absent.take(now.instant)) this.#say(from, { kind: 'absent', node: node.slice() })
      return
    }
    const dropped = to.outbox.push(state.node, compact(readdress(frames, state.id)))
    if (dropped > 0) this.#count('dropped-full', dropped)
    this.#outputs.push({ kind: 'ready', client: to.client })
  }

  #say(connection: Connection, frame: Frame): void {
    connection.outbox.say(encodeFrame(frame))
    this.#outputs.push({ kind: 'ready', client: connection.client })
  }

  #close(connection: Connection, reason: HubEvent, detail?: string): void {
    this.#forget(connection)
    this.#count(reason)
    const { client } = connection
    this.#outputs.push({ kind: 'close', client, reason, ...(detail === undefined ? {} : { detail }) })
  }

  #forget(connection: Connection): void {
    const { state } = connection
    connection.state = { kind: 'over' }
    if (this.#coordinator === connection) this.#coordinator = undefined
    if (state.kind === 'admitted' && this.#byNode.get(state.node) === connection) this.#byNode.delete(state.node)
  }

  #count(event: HubEvent, times = 1): void {
    this.#counts.set(event, (this.#counts.get(event) ?? 0) + times)
  }
}

const UNKNOWN_ADDRESS = '0.0.0.0' as IpAddress
const keyOf = (id: Uint8Array): string => toHex(id)
/** What waits must not keep much more memory than it counts for. */
const compact = (bytes: Uint8Array): Uint8Array => (2 * bytes.length < bytes.buffer.byteLength ? bytes.slice() : bytes)
