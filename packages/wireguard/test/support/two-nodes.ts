import { earliest, invariant, type Now } from '@weft/base'
import { PrivateKey } from '@weft/keys'
import { opensslCrypto } from './openssl-crypto.ts'
import { SeededRandom } from './seeded-random.ts'
import { type Datagram, PEER, SimulatedNode, simulatedNow } from './simulated-node.ts'

/** What becomes of a datagram: after how many milliseconds each copy of it arrives; none: it is lost. */
export type Wire = (from: SimulatedNode, datagram: Datagram) => readonly number[]

interface Event {
  readonly at: number
  readonly run: (now: Now) => void
}

/** Of one moment without an end to it: a core that asks to be woken again and again. */
const MAX_EVENTS_IN_A_MOMENT = 1000

/**
 * Alice and bob, a wire between them, and a manual clock in milliseconds. Bob has the larger public key, so where
 * initiations cross he is the one who gives way.
 */
export class TwoNodes {
  readonly alice: SimulatedNode
  readonly bob: SimulatedNode
  /** Those that they begin with. */
  readonly aliceKey: PrivateKey<'node'>
  readonly bobKey: PrivateKey<'node'>
  readonly random: SeededRandom
  wire: Wire
  now = 0
  readonly #events: Event[] = []

  constructor(o: { readonly seed?: number; readonly wire?: Wire } = {}) {
    this.random = new SeededRandom(o.seed ?? 1)
    this.wire = o.wire ?? (() => [20])
    const keys = [PrivateKey.generate('node', this.random), PrivateKey.generate('node', this.random)].sort((a, b) =>
      keyOf(a) < keyOf(b) ? -1 : 1,
    )
    const [first, second] = keys
    invariant(first !== undefined && second !== undefined, 'two keys')
    this.aliceKey = first
    this.bobKey = second
    this.alice = this.#node('alice', first, 0x1000)
    this.bob = this.#node('bob', second, 0xf000_0000)
    this.alice.engine.handle({ kind: 'add-peer', peer: PEER, publicKey: second.publicKey(opensslCrypto) }, this.#moment)
    this.bob.engine.handle({ kind: 'add-peer', peer: PEER, publicKey: first.publicKey(opensslCrypto) }, this.#moment)
  }

  /** Packets sent by alice and bob at those moments from now; text tells them apart. */
  send(from: SimulatedNode, packet: string, after = 0): void {
    this.at(after, (now) => from.send(packet, now))
  }

  at(after: number, run: (now: Now) => void): void {
    const event = { at: this.now + after, run }
    const index = this.#events.findLastIndex((each) => each.at <= event.at)
    this.#events.splice(index + 1, 0, event)
  }

  /** Lets so many milliseconds pass. */
  run(duration: number): void {
    const end = this.now + duration
    let inThisMoment = 0
    for (let at = this.#nextMoment(); at !== undefined && at <= end; at = this.#nextMoment()) {
      inThisMoment = at > this.now ? 0 : inThisMoment + 1
      invariant(inThisMoment < MAX_EVENTS_IN_A_MOMENT, `time goes on at ${at}`)
      this.now = Math.max(at, this.now)
      while ((this.#events[0]?.at ?? Number.POSITIVE_INFINITY) <= this.now) this.#events.shift()?.run(this.#moment)
      for (const node of [this.alice, this.bob]) node.wake(this.#moment)
    }
    this.now = end
  }

  /** Both ends send with one and the same session. */
  get isAgreed(): boolean {
    const [ours, theirs] = [this.alice.current, this.bob.current]
    return (
      ours !== undefined &&
      theirs !== undefined &&
      ours.remoteIndex === theirs.localIndex &&
      ours.localIndex === theirs.remoteIndex
    )
  }

  get #moment(): Now {
    return simulatedNow(this.now)
  }

  #nextMoment(): number | undefined {
    const events = this.#events[0]?.at
    const engines = earliest(this.alice.engine.nextTimeout(), this.bob.engine.nextTimeout())
    return Math.min(events ?? Number.POSITIVE_INFINITY, engines ?? Number.POSITIVE_INFINITY)
  }

  #node(name: string, privateKey: PrivateKey<'node'>, firstIndex: number): SimulatedNode {
    const node: SimulatedNode = new SimulatedNode({
      name,
      privateKey,
      random: this.random,
      firstIndex,
      transmit: (datagram) => {
        for (const delay of this.wire(node, datagram))
          this.at(delay, (now) => (node === this.alice ? this.bob : this.alice).receive(datagram, now))
      },
    })
    return node
  }
}

const keyOf = (key: PrivateKey<'node'>): string => Uint8Array.fromBase64(key.publicKey(opensslCrypto)).toHex()
