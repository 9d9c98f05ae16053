import { type Instant, instant, invariant, type Now, wallTime } from '@weft/base'
import { nativeCrypto as crypto, systemRandom as random } from '@weft/crypto'
import { PrivateKey } from '@weft/keys'
import { type EngineOutput, type PeerIndex, WireGuardEngine } from '@weft/wireguard'
import type { Measurement } from './measurement.ts'

const HANDSHAKES_A_ROUND = 1000
const PEER = 0 as PeerIndex
const ORIGIN = Uint8Array.of(192, 0, 2, 1, 0x1d, 0x39)
/** Between two handshakes of a pair, on its own clock: past every limit. */
const PAUSE_MS = 10_000
const IDLE = { lastSent: undefined, lastReceived: undefined, unansweredSince: undefined, owedSince: undefined }

/** What one core does of handshakes with OpenSSL, without any I/O: whole ones, each role's half, and what a flood costs. */
export function benchHandshakes(rounds: number): Promise<readonly Measurement[]> {
  const pair = new EnginePair()
  pair.handshakes(HANDSHAKES_A_ROUND / 4)
  const [whole, initiator, responder, cookie, stranger]: number[][] = [[], [], [], [], []]
  for (let round = 0; round < rounds; round++) {
    const spent = pair.handshakes(HANDSHAKES_A_ROUND)
    whole?.push(rate(spent.initiator + spent.responder))
    initiator?.push(rate(spent.initiator))
    responder?.push(rate(spent.responder))
    cookie?.push(rate(pair.cookieReplies(HANDSHAKES_A_ROUND)))
    stranger?.push(rate(pair.wrongMacs(HANDSHAKES_A_ROUND)))
  }
  return Promise.resolve([
    { name: 'whole handshakes, both ends on one core', unit: '/s', values: whole ?? [] },
    { name: 'as initiator: initiation, and the response taken', unit: '/s', values: initiator ?? [] },
    { name: 'as responder: initiation taken, and the response', unit: '/s', values: responder ?? [] },
    { name: 'under load: cookie replies', unit: '/s', values: cookie ?? [] },
    { name: 'strangers: mac1 refused', unit: '/s', values: stranger ?? [] },
  ])
}

const rate = (milliseconds: number): number => (HANDSHAKES_A_ROUND * 1000) / milliseconds

class EnginePair {
  readonly #alice: WireGuardEngine<string>
  readonly #bob: WireGuardEngine<string>
  #now = 0

  constructor() {
    const keys = [PrivateKey.generate('node', random), PrivateKey.generate('node', random)] as const
    this.#alice = engineOf(keys[0], keys[1])
    this.#bob = engineOf(keys[1], keys[0])
  }

  /** Milliseconds that each end spent. */
  handshakes(count: number): { readonly initiator: number; readonly responder: number } {
    let initiator = 0
    let responder = 0
    for (let i = 0; i < count; i++) {
      const now = this.#next()
      const begun = performance.now()
      const initiation = this.#initiate(now)
      const sent = performance.now()
      const response = messageOf(receive(this.#bob, initiation, now), 'send-response')
      const answered = performance.now()
      const outputs = receive(this.#alice, response, now)
      initiator += sent - begun + performance.now() - answered
      responder += answered - sent
      invariant(
        outputs.some(({ kind }) => kind === 'install-session'),
        'a handshake completes',
      )
    }
    return { initiator, responder }
  }

  cookieReplies(count: number): number {
    const now = this.#next()
    const initiation = this.#initiate(now)
    this.#bob.handle({ kind: 'load', isUnderLoad: true }, now)
    const begun = performance.now()
    for (let i = 0; i < count; i++) messageOf(receive(this.#bob, initiation, now), 'send-cookie-reply')
    const spent = performance.now() - begun
    this.#bob.handle({ kind: 'load', isUnderLoad: false }, now)
    this.#endAttempt()
    return spent
  }

  wrongMacs(count: number): number {
    const now = this.#next()
    const initiation = this.#initiate(now)
    initiation[20] = (initiation[20] ?? 0) ^ 1
    const begun = performance.now()
    for (let i = 0; i < count; i++) receive(this.#bob, initiation, now)
    const spent = performance.now() - begun
    this.#endAttempt()
    return spent
  }

  #initiate(now: Now): Uint8Array {
    this.#alice.handle({ kind: 'session-wanted', peer: PEER }, now)
    return messageOf(drain(this.#alice), 'send-initiation')
  }

  /** Both give up what is under way. */
  #endAttempt(): void {
    this.#now += 100_000
    this.#alice.wake(this.#next())
    drain(this.#alice)
  }

  #next(): Now {
    this.#now += PAUSE_MS
    return { instant: instant(this.#now) as Instant, wall: wallTime(1_700_000_000_000 + this.#now) }
  }
}

function engineOf(own: PrivateKey<'node'>, other: PrivateKey<'node'>): WireGuardEngine<string> {
  let index = 0
  const engine = new WireGuardEngine<string>({
    crypto,
    random,
    privateKeys: [own],
    takeIndex: () => index++,
    meters: { meter: () => IDLE },
  })
  const now = { instant: instant(0), wall: wallTime(1_700_000_000_000) }
  engine.handle({ kind: 'add-peer', peer: PEER, publicKey: other.publicKey(crypto) }, now)
  return engine
}

function receive(engine: WireGuardEngine<string>, message: Uint8Array, now: Now): EngineOutput<string>[] {
  engine.handle({ kind: 'handshake', message, source: 'there', origin: ORIGIN }, now)
  return drain(engine)
}

function drain(engine: WireGuardEngine<string>): EngineOutput<string>[] {
  const outputs: EngineOutput<string>[] = []
  for (let output = engine.poll(); output !== undefined; output = engine.poll()) outputs.push(output)
  return outputs
}

function messageOf(
  outputs: readonly EngineOutput<string>[],
  kind: 'send-initiation' | 'send-response' | 'send-cookie-reply',
): Uint8Array {
  const output = outputs.find((each) => each.kind === kind)
  invariant(output !== undefined && 'message' in output, `${kind} comes`)
  return output.message
}
