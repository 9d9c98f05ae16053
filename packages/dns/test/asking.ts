import assert from 'node:assert/strict'
import { concatBytes, type Endpoint, type IpAddress, type Prefix, parsePrefix, viewOf } from '@weft/base'
import { ManualClock, seededRandom, udpPacket } from '@weft/testing'
import { type Answer, type DecodedPacket, decode, encode, type Packet } from 'dns-packet'
import { type MeshNames, Resolver, type ResolverOutput, resolverAddress, type UpstreamResolver } from '../src/index.ts'
import { readPacket } from '../src/packets.ts'

export const RANGE = prefix('100.96.64.0/18')
export const PREFIX6 = prefix('fd12:3456:789a::/48')
export const OWN = '100.96.64.1' as IpAddress
export const RESOLVER = resolverAddress(RANGE)
export const RESOLVER6 = resolverAddress(PREFIX6)

export const mesh: MeshNames = {
  domain: 'weft',
  prefixes: [RANGE, PREFIX6],
  ownAddresses: [OWN, 'fd12:3456:789a::1' as IpAddress],
  resolvers: [RESOLVER, RESOLVER6],
  serial: 7,
  devices: [
    { name: 'laptop', addresses: [OWN, 'fd12:3456:789a::1' as IpAddress] },
    { name: 'nas', addresses: ['100.96.64.2' as IpAddress, 'fd12:3456:789a::2' as IpAddress] },
  ],
  records: [
    { name: 'git', type: 'A', value: '100.96.64.2' },
    { name: 'www', type: 'CNAME', value: 'nas.weft' },
    { name: 'out', type: 'CNAME', value: 'example.com' },
    { name: 'circle', type: 'CNAME', value: 'circle2.weft' },
    { name: 'circle2', type: 'CNAME', value: 'circle.weft' },
    { name: 'lost', type: 'CNAME', value: 'nowhere.weft' },
    { name: 'a.b', type: 'TXT', value: 'deep' },
  ],
}

export function upstream(endpoint: string): UpstreamResolver {
  return { endpoint: endpoint as Endpoint }
}

type Ask = Extract<ResolverOutput, { kind: 'ask' }>

/** A machine whose programs ask its resolver, and the resolvers that it asks in turn. */
export class AskingMachine {
  readonly clock = new ManualClock()
  readonly asks: Ask[] = []
  readonly forgotten: number[] = []
  readonly packets: Uint8Array[] = []
  readonly resolver: Resolver
  names: readonly MeshNames[] = [mesh]

  constructor(options: { readonly upstreams?: readonly UpstreamResolver[]; readonly seed?: number } = {}) {
    this.resolver = new Resolver({
      directory: { names: () => this.names },
      random: seededRandom(options.seed ?? 1),
    })
    if (options.upstreams !== undefined) this.tell({ kind: 'upstreams', upstreams: options.upstreams })
  }

  tell(input: Parameters<Resolver['handle']>[0]): void {
    this.resolver.handle(input, this.clock.now())
    this.#drain()
  }

  /** Moves the clock from deadline to deadline until that many milliseconds have passed. */
  pass(milliseconds: number): void {
    const end = (this.clock.now().instant + milliseconds) as ReturnType<ManualClock['now']>['instant']
    for (;;) {
      const next = this.resolver.nextTimeout()
      if (next === undefined || next > end) break
      this.clock.advanceTo(next)
      this.resolver.wake(this.clock.now())
      this.#drain()
    }
    this.clock.advanceTo(end)
  }

  /** A message by UDP; what came back, if anything did. */
  exchange(
    message: Uint8Array,
    ends: { source?: string; destination?: string; port?: number } = {},
  ): Uint8Array | undefined {
    const { source = OWN, destination = RESOLVER, port = 53 } = ends
    this.packets.length = 0
    const packet = udpPacket({ source, destination, sourcePort: 4000, destinationPort: port, data: message })
    this.tell({ kind: 'packet', packet })
    return this.takeUdp()
  }

  takeUdp(): Uint8Array | undefined {
    const packet = this.packets.shift()
    const read = packet === undefined ? undefined : readPacket(packet)
    return read?.kind === 'udp' ? read.data : undefined
  }

  ask(name: string, type: string, query: Partial<Packet> = {}): Decoded {
    const answer = this.exchange(question(name, type, query))
    assert.ok(answer !== undefined, `an answer to ${name} ${type}`)
    return decoded(answer)
  }

  /** Answers the latest question that went out. */
  answerAsk(answer: Partial<Packet>, change: (message: Uint8Array) => Uint8Array = (message) => message): void {
    const ask = this.asks.at(-1)
    assert.ok(ask !== undefined, 'a question went out')
    this.tell({ kind: 'upstream-answer', ask: ask.ask, message: change(answerTo(ask.message, answer)) })
  }

  #drain(): void {
    for (let output = this.resolver.poll(); output !== undefined; output = this.resolver.poll()) {
      if (output.kind === 'packet') this.packets.push(output.packet)
      else if (output.kind === 'ask') this.asks.push(output)
      else this.forgotten.push(output.ask)
    }
  }
}

export function question(name: string, type: string, query: Partial<Packet> = {}): Uint8Array {
  const questions = [{ name, type: type as 'A' }]
  return new Uint8Array(encode({ type: 'query', id: 4711, flags: 0x0100, questions, ...query }))
}

export function answerTo(message: Uint8Array, answer: Partial<Packet>): Uint8Array {
  const { id, questions } = decode(Buffer.from(message))
  return new Uint8Array(encode({ type: 'response', id, questions, ...answer }))
}

export const withOpt = (udpPayloadSize: number, ednsVersion = 0): Partial<Packet> => ({
  additionals: [
    { type: 'OPT', name: '.', udpPayloadSize, extendedRcode: 0, ednsVersion, flags: 0, flag_do: false, options: [] },
  ],
})

export function framed(message: Uint8Array): Uint8Array {
  const length = new Uint8Array(2)
  viewOf(length).setUint16(0, message.length)
  return concatBytes(length, message)
}

/** As the library reads it; its types leave the code out. */
export type Decoded = DecodedPacket & { readonly rcode: string; readonly answers: Answer[] }

export const decoded = (message: Uint8Array | undefined): Decoded =>
  decode(Buffer.from(message ?? new Uint8Array(12))) as Decoded

export function rcodeOf(message: Uint8Array): number {
  return (message[3] ?? 0) & 0xf
}

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text)
  assert.ok(parsed !== undefined)
  return parsed
}
