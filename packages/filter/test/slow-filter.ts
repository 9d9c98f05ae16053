import { prefixContains } from '@weft/base'
import type { FilterRule } from '@weft/filter'
import { addressOf } from '@weft/testing'

/** One packet as the slow filter sees it. */
export type PlainPacket =
  | {
      readonly protocol: 'tcp'
      readonly remote: string
      readonly local: string
      readonly remotePort: number
      readonly localPort: number
      readonly flags: number
    }
  | {
      readonly protocol: 'udp'
      readonly remote: string
      readonly local: string
      readonly remotePort: number
      readonly localPort: number
    }
  | {
      readonly protocol: 'icmp'
      readonly remote: string
      readonly local: string
      readonly isRequest: boolean
      readonly identifier: number
    }

export type Outcome = 'known' | 'new' | 'drop'

interface Flow {
  begun: 'in' | 'out'
  until: number
  answered: boolean
  ends: Set<string>
  reset: boolean
  sample: PlainPacket
}

const FIN = 1
const SYN = 2
const RST = 4
const ACK = 16

/** The filter's rules in the plainest words: a map of flows, every rule asked one by one. */
export class SlowFilter {
  #flows = new Map<string, Flow>()
  #rules: readonly FilterRule[] = []

  setRules(rules: readonly FilterRule[]): void {
    this.#rules = rules
    for (const [name, flow] of this.#flows) {
      if (flow.begun === 'in' && !this.#isAllowed(flow.sample)) this.#flows.delete(name)
    }
  }

  judge(packet: PlainPacket, way: 'in' | 'out', now: number): Outcome {
    const name = nameOf(packet, way)
    let flow = this.#flows.get(name)
    if (flow !== undefined && flow.until <= now) flow = undefined
    const isOpening = packet.protocol === 'tcp' && (packet.flags & (SYN | ACK)) === SYN
    if (flow !== undefined && !(isOpening && isClosed(flow))) {
      const callsBack = way === 'in' && isOpening && flow.begun === 'out' && flow.answered
      if (!callsBack) {
        const wasClosed = isClosed(flow)
        follow(flow, packet, way)
        if (!wasClosed) flow.until = now + lifeOf(flow, packet)
        return 'known'
      }
    }
    if (way === 'in' && !this.#isAllowed(packet)) {
      return 'drop'
    }
    if (packet.protocol === 'icmp' && !packet.isRequest) return 'known'
    if (packet.protocol === 'tcp' && packet.flags & RST) return 'known'
    const begun: Flow = { begun: way, until: 0, answered: false, ends: new Set(), reset: false, sample: packet }
    follow(begun, packet, way)
    begun.until = now + lifeOf(begun, packet)
    this.#flows.set(name, begun)
    return 'new'
  }

  #isAllowed(packet: PlainPacket): boolean {
    return this.#rules.some((rule) => {
      if (rule.protocol !== 'any' && rule.protocol !== packet.protocol) return false
      if (rule.ports !== undefined && packet.protocol !== 'icmp') {
        if (packet.localPort < rule.ports.first || packet.localPort > rule.ports.last) return false
      }
      return (
        rule.sources.some((prefix) => prefixContains(prefix, addressOf(packet.remote))) &&
        rule.destinations.some((prefix) => prefixContains(prefix, addressOf(packet.local)))
      )
    })
  }
}

function nameOf(packet: PlainPacket, way: 'in' | 'out'): string {
  if (packet.protocol === 'icmp') {
    const asker = packet.isRequest === (way === 'in') ? 'remote' : 'local'
    return ['icmp', packet.remote, packet.local, asker, packet.identifier].join()
  }
  return [packet.protocol, packet.remote, packet.local, packet.remotePort, packet.localPort].join()
}

function follow(flow: Flow, packet: PlainPacket, way: 'in' | 'out'): void {
  if (way !== flow.begun) flow.answered = true
  if (packet.protocol !== 'tcp') return
  if (packet.flags & FIN) flow.ends.add(way)
  if (packet.flags & RST) flow.reset = true
}

const isClosed = (flow: Flow): boolean => flow.reset || flow.ends.size === 2

function lifeOf(flow: Flow, packet: PlainPacket): number {
  if (packet.protocol === 'icmp') return 30_000
  if (packet.protocol === 'udp') return 180_000
  if (flow.reset) return 10_000
  if (flow.ends.size === 2) return 60_000
  if (flow.ends.size === 1) return 300_000
  return flow.answered ? 7_440_000 : 120_000
}
