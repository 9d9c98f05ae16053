import type { Instant } from '@weft/base'
import { type FlowKey, KEY_WORDS } from './flow-key.ts'

/** Slots that a flow may be away from where its hash points: bounds every lookup, whatever keys a peer makes up. */
const MAX_DISTANCE = 64
/** Live flows of which the one that would end first is given up when the table is full. */
const EVICTION_SAMPLE = 16
const FIRST_CAPACITY = 512

/** In place of a rule's number: the flow began on this side. */
export const NO_RULE = -1
export const GIVEN_UP = -2

interface Flow {
  /** The number of the rule that accepted it, or `NO_RULE`. */
  readonly rule: number
  readonly state: number
  /** Not 0. */
  readonly deadline: number
}

/**
 * Flows in typed arrays: open addressing, linear probing, at most half full. A slot is a flow's place until the next
 * `insert`, `remove` or `rejudge`. Looking up allocates nothing; growing does, by doubling.
 */
export class FlowTable {
  readonly #maxFlows: number
  #capacity: number
  #keys: FlowKey
  #deadlines: Float64Array
  #rules: Int32Array
  #states: Uint8Array
  #size = 0

  constructor(maxFlows: number) {
    this.#maxFlows = maxFlows
    this.#capacity = Math.min(FIRST_CAPACITY, capacityFor(maxFlows))
    this.#keys = new Uint32Array(this.#capacity * KEY_WORDS)
    this.#deadlines = new Float64Array(this.#capacity)
    this.#rules = new Int32Array(this.#capacity)
    this.#states = new Uint8Array(this.#capacity)
  }

  /** Flows held, ended ones that nobody asked for included. */
  get size(): number {
    return this.#size
  }

  /** The flow's slot, or -1. */
  find(key: FlowKey, now: Instant): number {
    let slot = this.#home(key, 0)
    for (let distance = 0; distance < MAX_DISTANCE; distance++) {
      const deadline = this.#deadlines[slot] ?? 0
      if (deadline === 0) return -1
      if (this.#holds(slot, key)) {
        if (deadline > now) return slot
        this.remove(slot)
        return -1
      }
      slot = this.#next(slot)
    }
    return -1
  }

  /** Takes in a flow that is not there, and gives up another where there is no room. */
  insert(key: FlowKey, flow: Flow, now: Instant): void {
    if (this.#size >= this.#maxFlows) this.#evictNear(this.#home(key, 0))
    else if (this.#size * 2 >= this.#capacity) this.#makeRoom(now)
    this.#put(key, 0, flow)
  }

  remove(slot: number): void {
    this.#size--
    let hole = slot
    for (let at = this.#next(slot); this.#deadlines[at] !== 0; at = this.#next(at)) {
      const home = this.#home(this.#keys, at * KEY_WORDS)
      // What lies behind its hole moves into it unless its own home is behind the hole too.
      if (this.#distance(home, at) < this.#distance(hole, at)) continue
      this.#move(at, hole)
      hole = at
    }
    this.#deadlines[hole] = 0
  }

  /** Asks for every live flow which rule it now has; `GIVEN_UP` removes it. */
  rejudge(judge: (keys: FlowKey, at: number, rule: number) => number): void {
    this.#rebuild(this.#capacity, 0 as Instant, judge)
  }

  setDeadline(slot: number, deadline: Instant): void {
    this.#deadlines[slot] = deadline
  }

  state(slot: number): number {
    return this.#states[slot] ?? 0
  }

  setState(slot: number, state: number): void {
    this.#states[slot] = state
  }

  #put(keys: FlowKey, at: number, flow: Flow): void {
    let slot = this.#home(keys, at)
    let victim = slot
    for (let distance = 0; this.#deadlines[slot] !== 0; distance++) {
      if ((this.#deadlines[slot] ?? 0) < (this.#deadlines[victim] ?? 0)) victim = slot
      if (distance === MAX_DISTANCE - 1) {
        slot = victim
        this.#size--
        break
      }
      slot = this.#next(slot)
    }
    for (let i = 0; i < KEY_WORDS; i++) this.#keys[slot * KEY_WORDS + i] = keys[at + i] ?? 0
    this.#deadlines[slot] = flow.deadline
    this.#rules[slot] = flow.rule
    this.#states[slot] = flow.state
    this.#size++
  }

  #evictNear(home: number): void {
    let victim = -1
    let seen = 0
    for (let slot = home; seen < EVICTION_SAMPLE && seen < this.#size; slot = this.#next(slot)) {
      if (this.#deadlines[slot] === 0) continue
      seen++
      if (victim < 0 || (this.#deadlines[slot] ?? 0) < (this.#deadlines[victim] ?? 0)) victim = slot
    }
    if (victim >= 0) this.remove(victim)
  }

  #makeRoom(now: Instant): void {
    let live = 0
    for (const deadline of this.#deadlines) if (deadline > now) live++
    const isCrowded = live * 4 > this.#capacity && this.#capacity < capacityFor(this.#maxFlows)
    this.#rebuild(isCrowded ? this.#capacity * 2 : this.#capacity, now, (_keys, _at, rule) => rule)
  }

  #rebuild(capacity: number, now: Instant, judge: (keys: FlowKey, at: number, rule: number) => number): void {
    const [keys, deadlines, rules, states] = [this.#keys, this.#deadlines, this.#rules, this.#states]
    this.#capacity = capacity
    this.#keys = new Uint32Array(capacity * KEY_WORDS)
    this.#deadlines = new Float64Array(capacity)
    this.#rules = new Int32Array(capacity)
    this.#states = new Uint8Array(capacity)
    this.#size = 0
    for (const [slot, deadline] of deadlines.entries()) {
      if (deadline <= now) continue
      const rule = judge(keys, slot * KEY_WORDS, rules[slot] ?? NO_RULE)
      if (rule !== GIVEN_UP) this.#put(keys, slot * KEY_WORDS, { rule, state: states[slot] ?? 0, deadline })
    }
  }

  #holds(slot: number, key: FlowKey): boolean {
    const at = slot * KEY_WORDS
    for (let i = 0; i < KEY_WORDS; i++) if (this.#keys[at + i] !== key[i]) return false
    return true
  }

  #move(from: number, to: number): void {
    this.#keys.copyWithin(to * KEY_WORDS, from * KEY_WORDS, (from + 1) * KEY_WORDS)
    this.#deadlines[to] = this.#deadlines[from] ?? 0
    this.#rules[to] = this.#rules[from] ?? 0
    this.#states[to] = this.#states[from] ?? 0
  }

  #home(keys: FlowKey, at: number): number {
    let hash = 0
    for (let i = 0; i < KEY_WORDS; i++) {
      hash = Math.imul(hash ^ (keys[at + i] ?? 0), 0x9e3779b1)
      hash ^= hash >>> 15
    }
    return hash & (this.#capacity - 1)
  }

  #next(slot: number): number {
    return (slot + 1) & (this.#capacity - 1)
  }

  #distance(from: number, to: number): number {
    return (to - from) & (this.#capacity - 1)
  }
}

/** The power of two that is at least twice as large. */
function capacityFor(flows: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(2, flows * 2)))
}
