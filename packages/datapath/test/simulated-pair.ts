import {
  type Endpoint,
  earliest,
  type Instant,
  milliseconds,
  parseEndpoint,
  randomBytes,
  randomFraction,
} from '@weft/base'
import { PrivateKey } from '@weft/keys'
import { ManualClock, seededRandom, udpPacket, Way, type Weather } from '@weft/testing'
import { SimulatedNode } from './simulated-node.ts'

const ADDRESSES = ['10.9.0.1', '10.9.0.2'] as const
const BEAT = 5_000

interface Delivery {
  readonly from: Endpoint
  readonly to: Endpoint
  readonly datagram: Uint8Array
}

/** Two nodes and the network between them, all of one seed. */
export class SimulatedPair {
  readonly clock = new ManualClock()
  readonly network: Way<Delivery>
  readonly nodes: readonly [alice: SimulatedNode, bob: SimulatedNode]
  readonly #random: ReturnType<typeof seededRandom>
  #number = 0

  constructor(seed: number, weather: Weather) {
    this.#random = seededRandom(seed)
    this.network = new Way({ random: this.#random, weather })
    const [alice, bob] = [this.#node('192.0.2.1:7481'), this.#node('192.0.2.2:7481')]
    alice.addPeer(bob.publicKey, bob.endpoint)
    bob.addPeer(alice.publicKey, alice.endpoint)
    this.nodes = [alice, bob]
  }

  fraction(): number {
    return randomFraction(this.#random)
  }

  /** Sends a packet like no other from one node to the other, and says what its bytes are. */
  send(from: 0 | 1): Uint8Array {
    const data = new Uint8Array(12)
    new DataView(data.buffer).setUint32(0, this.#number++)
    const packet = udpPacket({ source: ADDRESSES[from], destination: ADDRESSES[1 - from] ?? '', data })
    this.nodes[from].send(packet)
    return packet
  }

  /** Lets the network and both nodes' deadlines go on until then. */
  run(duration: number): void {
    const end = (this.clock.now().instant + duration) as Instant
    for (;;) {
      const now = this.clock.now().instant
      const next = earliest(
        this.network.nextTimeout(),
        this.nodes[0].nextTimeout(),
        this.nodes[1].nextTimeout(),
        (now + BEAT) as Instant,
      )
      if (next === undefined || next > end) break
      this.clock.advanceTo(next)
      this.#step()
    }
    this.clock.advanceTo(end)
    this.#step()
  }

  #step(): void {
    const { instant } = this.clock.now()
    for (let each = this.network.take(instant); each !== undefined; each = this.network.take(instant)) {
      this.nodes.find(({ endpoint }) => endpoint === each.to)?.receive(each.datagram, each.from)
    }
    for (const node of this.nodes) node.wake()
  }

  #node(text: string): SimulatedNode {
    const endpoint = parseEndpoint(text) as Endpoint
    return new SimulatedNode({
      endpoint,
      privateKey: PrivateKey.generate('node', this.#random),
      random: seededRandom(new DataView(randomBytes(this.#random, 4).buffer).getUint32(0)),
      clock: this.clock.now,
      transmit: (to, datagram) =>
        this.network.send({ from: endpoint, to, datagram }, datagram.length, this.clock.now().instant),
    })
  }
}

export const calm: Weather = { loss: 0, duplication: 0, leastDelay: milliseconds(20), mostDelay: milliseconds(20) }
