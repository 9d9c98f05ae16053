import { type Instant, instant, invariant, type Now, wallTime } from '@weft/base'
import { PrivateKey } from '@weft/keys'
import { type EngineInput, type EngineOutput, type PeerIndex, WireGuardEngine } from '../../src/index.ts'
import { opensslCrypto } from './openssl-crypto.ts'
import { SeededRandom } from './seeded-random.ts'

export const PEER = 0 as PeerIndex
export const HERE = Uint8Array.of(192, 0, 2, 1, 0x1d, 0x39)
export const ELSEWHERE = Uint8Array.of(192, 0, 2, 1, 0x1d, 0x40)

/** An engine whose outputs are taken as they come: no wire and no time of its own. */
export class LoneEngine {
  readonly engine: WireGuardEngine<string>
  readonly privateKey: PrivateKey<'node'>

  constructor(seed: number, firstIndex: number) {
    const random = new SeededRandom(seed)
    let index = firstIndex
    this.privateKey = PrivateKey.generate('node', random)
    this.engine = new WireGuardEngine<string>({
      crypto: opensslCrypto,
      random,
      privateKeys: [this.privateKey],
      takeIndex: () => index++,
      meters: {
        meter: () => ({
          lastSent: undefined,
          lastReceived: undefined,
          unansweredSince: undefined,
          owedSince: undefined,
        }),
      },
    })
  }

  get publicKey() {
    return this.privateKey.publicKey(opensslCrypto)
  }

  /** All it answers, but what it tells of timestamps and cookie secrets. */
  tell(input: EngineInput<string>, now: Now): EngineOutput<string>[] {
    this.engine.handle(input, now)
    return this.#drain()
  }

  wake(now: Now): EngineOutput<string>[] {
    this.engine.wake(now)
    return this.#drain()
  }

  receive(message: Uint8Array, now: Now, origin: Uint8Array = HERE): EngineOutput<string>[] {
    return this.tell({ kind: 'handshake', message, source: 'there', origin }, now)
  }

  /** The initiation that it sends when a session is wanted. */
  initiate(now: Now, peer: PeerIndex = PEER): Uint8Array {
    return messageIn(this.tell({ kind: 'session-wanted', peer }, now), 'send-initiation')
  }

  #drain(): EngineOutput<string>[] {
    const outputs: EngineOutput<string>[] = []
    for (let output = this.engine.poll(); output !== undefined; output = this.engine.poll())
      if (output.kind !== 'save-timestamp' && output.kind !== 'cookie-secret') outputs.push(output)
    return outputs
  }
}

/** Alice and bob, who know each other. */
export function enginePair(): { readonly alice: LoneEngine; readonly bob: LoneEngine } {
  const alice = new LoneEngine(1, 0x1000)
  const bob = new LoneEngine(2, 0xf000_0000)
  alice.tell({ kind: 'add-peer', peer: PEER, publicKey: bob.publicKey }, at(0))
  bob.tell({ kind: 'add-peer', peer: PEER, publicKey: alice.publicKey }, at(0))
  return { alice, bob }
}

export function messageIn(
  outputs: readonly EngineOutput<string>[],
  kind: 'send-initiation' | 'send-response' | 'send-cookie-reply',
): Uint8Array {
  const output = outputs.find((each) => each.kind === kind)
  invariant(output !== undefined && 'message' in output, `${kind}, not ${outputs.map((each) => JSON.stringify(each))}`)
  return output.message
}

export function reasonsIn(outputs: readonly EngineOutput<string>[]): string[] {
  return outputs.flatMap((output) => (output.kind === 'dropped' ? [output.reason] : []))
}

/** Milliseconds from the beginning, on both clocks. */
export function at(milliseconds: number): Now {
  const start: Instant = instant(5_000_000)
  return { instant: instant(start + milliseconds), wall: wallTime(1_700_000_000_000 + milliseconds) }
}
