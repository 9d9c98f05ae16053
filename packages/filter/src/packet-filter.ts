import { type Instant, later, seconds } from '@weft/base'
import {
  FRAGMENT_FIRST,
  FRAGMENT_LATER,
  ICMP_ERROR_HEADER,
  isIcmpError,
  PacketView,
  PROTOCOL_ICMP,
  PROTOCOL_ICMP6,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
} from '@weft/packet'
import { CompiledRules } from './compiled-rules.ts'
import type { FilterRule } from './filter-rule.ts'
import {
  type FlowKey,
  fillEchoKey,
  fillFlowKey,
  fillFragmentKey,
  isEchoAnswer,
  isEchoRequest,
  isFragmentKey,
  KEY_WORDS,
  quotesItsReceiver,
} from './flow-key.ts'
import {
  deadlineAfter,
  isAnswered,
  isClosed,
  isOpeningSegment,
  STATE_BEGAN_LOCAL,
  STATE_BEGAN_REMOTE,
  stateAfter,
  TCP_RST,
} from './flow-progress.ts'
import { FlowTable, GIVEN_UP, NO_RULE } from './flow-table.ts'

/** It belongs to a known flow, or to none that is worth remembering. */
export const VERDICT_ACCEPT_KNOWN = 0
/** It began a flow. */
export const VERDICT_ACCEPT_NEW = 1
export const VERDICT_DROP = 2

export type Verdict = typeof VERDICT_ACCEPT_KNOWN | typeof VERDICT_ACCEPT_NEW | typeof VERDICT_DROP

const DEFAULT_MAX_FLOWS = 65_536
/** How long parts of a packet may follow the first one. RFC 791 §3.2 proposes 15 s, RFC 8200 §4.5 allows 60 s. */
const FRAGMENTS_TIMEOUT = seconds(30)
/** As long as a TCP header without options: a part that begins within it could change what was judged. RFC 1858 §3. */
const LEAST_FRAGMENT_OFFSET = 20

/**
 * The packet filter of one node, for the traffic with its peers. What goes out passes, and begins a flow; what comes in
 * passes when it belongs to a flow, or when a rule accepts it and so begins one.
 *
 * - A flow is addresses, protocol and ports (an echo's identifier), the same in both directions. TCP is followed by its
 *   flags alone. A connection that ended gives way to a new one on the same ports, which is judged anew.
 * - ICMP errors pass when they quote a packet of a known flow that their receiver sent. Other ICMP messages but
 *   echoes are judged by the rules one by one and begin no flow.
 * - Of a fragmented packet the first fragment is judged, and must hold the ports; later ones pass when they come
 *   within 30 s after it. Later ones that overtake the first are dropped.
 * - `setRules` judges the flows anew that a rule had accepted; those that began on this side stay.
 * - When the table is full, a new flow takes the place of the one among a few that would be forgotten first.
 */
export class PacketFilter {
  readonly #flows: FlowTable
  readonly #view = new PacketView()
  readonly #quoted = new PacketView()
  readonly #key: FlowKey = new Uint32Array(KEY_WORDS)
  #rules = new CompiledRules([])
  #lastReason: string | undefined

  constructor(options: { readonly maxFlows?: number } = {}) {
    this.#flows = new FlowTable(options.maxFlows ?? DEFAULT_MAX_FLOWS)
  }

  /** Replaces the rules. Inbound flows that none of them accepts are cut. */
  setRules(rules: readonly FilterRule[]): void {
    this.#rules = new CompiledRules(rules)
    this.#flows.rejudge((keys, at, rule) => {
      // A fragment's key does not tell what its packet was accepted for.
      if (isFragmentKey(keys, at)) return GIVEN_UP
      if (rule === NO_RULE) return NO_RULE
      const number = this.#rules.match(keys, at)
      return number < 0 ? GIVEN_UP : number
    })
  }

  /** Of the rule that accepted the last flow that came in. */
  lastReason(): string | undefined {
    return this.#lastReason
  }

  /** A packet to a peer. */
  outbound(memory: Uint8Array, offset: number, length: number, now: Instant): Verdict {
    const view = this.#view
    if (!view.read(memory, offset, length) || isCutShort(view)) return VERDICT_DROP
    if (view.fragment === FRAGMENT_LATER) return VERDICT_ACCEPT_KNOWN
    if (!this.#fillKey(memory, false)) return VERDICT_ACCEPT_KNOWN
    const slot = this.#flows.find(this.#key, now)
    if (slot >= 0) {
      if (!this.#beginsAnew(slot)) return this.#passKnown(slot, false, now)
      this.#flows.remove(slot)
    }
    if (!this.#mayBeginFlow()) return VERDICT_ACCEPT_KNOWN
    this.#beginFlow(NO_RULE, now)
    return VERDICT_ACCEPT_NEW
  }

  /** A packet from a peer that may send from its source address. */
  inbound(memory: Uint8Array, offset: number, length: number, now: Instant): Verdict {
    const view = this.#view
    if (!view.read(memory, offset, length) || isCutShort(view)) return VERDICT_DROP
    if (view.fragment === FRAGMENT_LATER) return this.#judgeLaterFragment(memory, now)
    const verdict = this.#judgeInbound(memory, offset, now)
    if (view.fragment === FRAGMENT_FIRST && verdict !== VERDICT_DROP) this.#expectFragments(memory, now)
    return verdict
  }

  #judgeInbound(memory: Uint8Array, offset: number, now: Instant): Verdict {
    if (isIcmpError(this.#view) && this.#quotesKnownFlow(memory, offset, now)) return VERDICT_ACCEPT_KNOWN
    if (!this.#fillKey(memory, true)) {
      fillFlowKey(this.#key, memory, this.#view, true)
      return this.#rules.match(this.#key) < 0 ? VERDICT_DROP : VERDICT_ACCEPT_KNOWN
    }
    const slot = this.#flows.find(this.#key, now)
    if (slot >= 0 && !this.#beginsAnew(slot) && !this.#callsBack(slot)) return this.#passKnown(slot, true, now)
    const rule = this.#rules.match(this.#key)
    if (rule < 0) return VERDICT_DROP
    if (!this.#mayBeginFlow()) return VERDICT_ACCEPT_KNOWN
    if (slot >= 0) this.#flows.remove(slot)
    this.#beginFlow(rule, now)
    this.#lastReason = this.#rules.reason(rule)
    return VERDICT_ACCEPT_NEW
  }

  /** False: a message that belongs to no flow. */
  #fillKey(memory: Uint8Array, isInbound: boolean): boolean {
    const view = this.#view
    if (view.protocol !== (view.version === 4 ? PROTOCOL_ICMP : PROTOCOL_ICMP6)) {
      fillFlowKey(this.#key, memory, view, isInbound)
      return true
    }
    if (!isEcho(view)) return false
    fillEchoKey(this.#key, memory, view, isInbound)
    return true
  }

  #passKnown(slot: number, isInbound: boolean, now: Instant): Verdict {
    const before = this.#flows.state(slot)
    const state = stateAfter(before, this.#view.tcpFlags, isInbound)
    this.#flows.setState(slot, state)
    // What still trickles in does not keep an ended connection.
    if (!isClosed(before)) this.#flows.setDeadline(slot, deadlineAfter(state, this.#view.protocol, now))
    return VERDICT_ACCEPT_KNOWN
  }

  #beginFlow(rule: number, now: Instant): void {
    const began = rule === NO_RULE ? STATE_BEGAN_LOCAL : STATE_BEGAN_REMOTE
    const state = stateAfter(began, this.#view.tcpFlags, rule !== NO_RULE)
    this.#flows.insert(this.#key, { rule, state, deadline: deadlineAfter(state, this.#view.protocol, now) }, now)
  }

  /** A reset ends things, and so does an echo's reply. */
  #mayBeginFlow(): boolean {
    return (this.#view.tcpFlags & TCP_RST) === 0 && !isEchoAnswer(this.#view)
  }

  /** A connection's first segment on the ports of one that ended. */
  #beginsAnew(slot: number): boolean {
    return isOpeningSegment(this.#view.tcpFlags) && isClosed(this.#flows.state(slot))
  }

  /** A peer opens a connection on the ports of one that we opened to it: not what was asked for. */
  #callsBack(slot: number): boolean {
    const state = this.#flows.state(slot)
    return isOpeningSegment(this.#view.tcpFlags) && (state & STATE_BEGAN_REMOTE) === 0 && isAnswered(state)
  }

  #quotesKnownFlow(memory: Uint8Array, offset: number, now: Instant): boolean {
    const view = this.#view
    const at = view.transportOffset + ICMP_ERROR_HEADER
    const quoted = this.#quoted
    if (!quoted.readQuoted(memory, at, offset + view.totalLength - at)) return false
    if (quoted.fragment === FRAGMENT_LATER || !quotesItsReceiver(memory, view, quoted)) return false
    if (isEcho(quoted)) fillEchoKey(this.#key, memory, quoted, false)
    else if (quoted.icmpType >= 0 || quoted.transportLength < 4) return false
    else fillFlowKey(this.#key, memory, quoted, false)
    return this.#flows.find(this.#key, now) >= 0
  }

  #judgeLaterFragment(memory: Uint8Array, now: Instant): Verdict {
    if (this.#view.fragmentOffset < LEAST_FRAGMENT_OFFSET) return VERDICT_DROP
    fillFragmentKey(this.#key, memory, this.#view)
    return this.#flows.find(this.#key, now) < 0 ? VERDICT_DROP : VERDICT_ACCEPT_KNOWN
  }

  #expectFragments(memory: Uint8Array, now: Instant): void {
    fillFragmentKey(this.#key, memory, this.#view)
    const slot = this.#flows.find(this.#key, now)
    const deadline = later(now, FRAGMENTS_TIMEOUT)
    if (slot >= 0) this.#flows.setDeadline(slot, deadline)
    else this.#flows.insert(this.#key, { rule: NO_RULE, state: STATE_BEGAN_REMOTE, deadline }, now)
  }
}

const isEcho = (view: PacketView): boolean => isEchoRequest(view) || isEchoAnswer(view)

/** Its upper layer's header is not all there: whole packets never look so, and fragments of honest senders neither. */
function isCutShort(view: PacketView): boolean {
  if (view.fragment === FRAGMENT_LATER) return false
  switch (view.protocol) {
    case PROTOCOL_TCP:
      return view.transportLength < 20
    case PROTOCOL_UDP:
    case PROTOCOL_ICMP:
    case PROTOCOL_ICMP6:
      return view.transportLength < 8
    default:
      return false
  }
}
