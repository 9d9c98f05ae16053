import { type Core, earliest, endpointParts, type Instant, type IpAddress, type Now, type Random } from '@weft/base'
import { CLASS_IN, DNS_PORT, MAX_MESSAGE, RCODE, TYPE } from './constants.ts'
import { addressesIn } from './followed-addresses.ts'
import { Forwarding, type ForwardingOutput, type Transport } from './forwarding.ts'
import { encodeName } from './message.ts'
import { answering, buildUdp, type Ends, readPacket } from './packets.ts'
import { type Query, readQuery, udpLimit } from './query.ts'
import { adoptReply, encodeReply, type Reply, refusal } from './reply.ts'
import type { UpstreamResolver } from './resolver-setup.ts'
import { TcpServer } from './tcp-server.ts'
import { type MeshNames, MeshZone, type ZoneAnswer } from './zone.ts'

/** What the resolver reads at any time: the same array as before where nothing has changed. */
export interface NameDirectory {
  names(): readonly MeshNames[]
}

export type ResolverInput =
  /** From this machine to one of the resolver's addresses. */
  | { readonly kind: 'packet'; readonly packet: Uint8Array }
  /** Replaces. */
  | { readonly kind: 'upstreams'; readonly upstreams: readonly UpstreamResolver[] }
  | { readonly kind: 'upstream-answer'; readonly ask: number; readonly message: Uint8Array }
  /** Nothing will come of it. */
  | { readonly kind: 'upstream-failed'; readonly ask: number }

export type ResolverOutput =
  /** To this machine. */
  { readonly kind: 'packet'; readonly packet: Uint8Array } | ForwardingOutput

/** Where an answer goes, and how long it may be. */
interface Asker {
  readonly transport: Transport
  readonly limit: (query: Query) => number
  readonly answer: (message: Uint8Array, now: Now) => void
}

/** Transfers of zones: nobody is told all names at once. */
const REFUSED_TYPES: ReadonlySet<number> = new Set([TYPE.AXFR, TYPE.IXFR])

/**
 * The resolver of the mesh, for the programs of this machine: names of the mesh are answered from the netmap, whatever else
 * is asked goes to the resolvers that the machine had before. Packets in, packets out: it is reached through the packet
 * port only, so no peer can ask it, and a packet that another machine sent through this one is not answered either.
 */
export class Resolver implements Core<ResolverInput, ResolverOutput> {
  readonly #directory: NameDirectory
  readonly #outputs: ResolverOutput[] = []
  readonly #forwarding: Forwarding
  readonly #tcp: TcpServer
  #names: readonly MeshNames[] | undefined
  #zones: readonly MeshZone[] = []
  #upstreams = ''
  /** Of the input in hand. */
  #now: Now | undefined

  constructor(options: { readonly directory: NameDirectory; readonly random: Random }) {
    this.#directory = options.directory
    this.#forwarding = new Forwarding((output) => this.#outputs.push(output), options.random)
    this.#tcp = new TcpServer(
      {
        send: (packet) => this.#outputs.push({ kind: 'packet', packet }),
        onMessage: (connection, message) => this.#onTcpMessage(connection, message),
      },
      options.random,
    )
  }

  handle(input: ResolverInput, now: Now): void {
    this.#now = now
    switch (input.kind) {
      case 'packet':
        this.#onPacket(input.packet, now)
        break
      case 'upstreams':
        this.#onUpstreams(input.upstreams)
        break
      case 'upstream-answer':
        this.#forwarding.onAnswer(input.ask, input.message, now)
        break
      case 'upstream-failed':
        this.#forwarding.onFailed(input.ask, now)
        break
    }
  }

  wake(now: Now): void {
    this.#now = now
    this.#forwarding.wake(now)
    this.#tcp.wake(now.instant)
  }

  poll(): ResolverOutput | undefined {
    return this.#outputs.shift()
  }

  nextTimeout(): Instant | undefined {
    return earliest(this.#forwarding.nextTimeout(), this.#tcp.nextTimeout())
  }

  #onPacket(packet: Uint8Array, now: Now): void {
    const read = readPacket(packet)
    if (read === undefined || !this.#isOurs(read.ends)) return
    const { ends } = read
    const isServed = ends.destinationPort === DNS_PORT
    if (read.kind === 'tcp') this.#tcp.receive(ends, read.segment, isServed, now.instant)
    else if (isServed) this.#onMessage(read.data, this.#udpAsker(ends), now)
  }

  /** From an own address of this machine in the mesh, to the resolver there. */
  #isOurs({ source, destination }: Ends): boolean {
    return this.#directory
      .names()
      .some(({ ownAddresses, resolvers }) => ownAddresses.includes(source) && resolvers.includes(destination))
  }

  #udpAsker(ends: Ends): Asker {
    const back = answering(ends)
    return {
      transport: 'udp',
      limit: udpLimit,
      answer: (message) => this.#outputs.push({ kind: 'packet', packet: buildUdp(back, message) }),
    }
  }

  #onTcpMessage(connection: number, message: Uint8Array): void {
    const now = this.#now
    if (now === undefined) return
    const answer = (reply: Uint8Array, at: Now) => this.#tcp.answer(connection, reply, at.instant)
    this.#onMessage(message, { transport: 'tcp', limit: () => MAX_MESSAGE, answer }, now)
  }

  #onMessage(message: Uint8Array, asker: Asker, now: Now): void {
    const read = readQuery(message)
    if (read.kind === 'silence') return
    if (read.kind === 'error') {
      asker.answer(read.reply, now)
      return
    }
    const { query } = read
    const reply = this.#answerFor(query)
    if (reply === undefined) {
      this.#forward(query, asker, now)
      return
    }
    if (reply.external !== undefined && this.#forwarding.hasUpstreams) {
      this.#follow(query, { ...reply, external: reply.external }, asker, now)
      return
    }
    asker.answer(encodeReply(query, reply, asker.limit(query)), now)
  }

  /** What is known here; `undefined`: others are to be asked. */
  #answerFor(query: Query): ZoneAnswer | undefined {
    if (query.edns !== undefined && query.edns.version !== 0) return refusal(RCODE.BADVERS)
    if (query.class !== CLASS_IN || REFUSED_TYPES.has(query.type)) return refusal()
    for (const zone of this.#currentZones()) {
      const answer = zone.answer(query.labels, query.type)
      if (answer !== undefined) return answer
    }
    return this.#forwarding.hasUpstreams ? undefined : refusal()
  }

  #forward(query: Query, asker: Asker, now: Now): void {
    const done = (message: Uint8Array | undefined): void => {
      const reply =
        message === undefined
          ? encodeReply(query, refusal(RCODE.SERVFAIL), asker.limit(query))
          : adoptReply(query, message, asker.limit(query))
      asker.answer(reply, this.#now ?? now)
    }
    this.#forwarding.ask(query, asker.transport, done, now)
  }

  /** An alias that leads out of the mesh: where it leads to is asked, and answered with it. */
  #follow(query: Query, way: Reply & { readonly external: string }, asker: Asker, now: Now): void {
    const name = encodeName(way.external)
    const question = new Uint8Array(name.length + 4)
    question.set(name)
    question.set(query.question.subarray(-4), name.length)
    const outside: Query = { ...query, labels: way.external.split('.'), question }
    const done = (message: Uint8Array | undefined): void => {
      const found = message === undefined ? undefined : addressesIn(message)
      const answers = [...(way.answers ?? []), ...(found?.answers ?? [])]
      const reply: Reply = { rcode: found?.rcode ?? RCODE.SERVFAIL, answers }
      asker.answer(encodeReply(query, reply, asker.limit(query)), this.#now ?? now)
    }
    this.#forwarding.ask(outside, asker.transport, done, now)
  }

  #currentZones(): readonly MeshZone[] {
    const names = this.#directory.names()
    if (names !== this.#names) {
      this.#names = names
      this.#zones = names.map((each) => new MeshZone(each))
    }
    return this.#zones
  }

  #onUpstreams(upstreams: readonly UpstreamResolver[]): void {
    const own = new Set<IpAddress>(this.#directory.names().flatMap(({ resolvers }) => resolvers))
    const others = upstreams.filter(({ endpoint }) => !own.has(endpointParts(endpoint).address))
    const told = JSON.stringify(others)
    if (told === this.#upstreams) return
    this.#upstreams = told
    this.#forwarding.setUpstreams(others)
  }
}
