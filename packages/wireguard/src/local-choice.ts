import { invariant } from '@weft/base'
import type { LocalKeys } from './handshake.ts'

/** By which of the own keys a peer is spoken to: what it knows of this node cannot be told before it answers. */
export class LocalChoice {
  readonly #locals: () => readonly LocalKeys[]
  #known: LocalKeys | undefined

  /** `locals`: those that are tried first, first. */
  constructor(locals: () => readonly LocalKeys[]) {
    this.#locals = locals
  }

  /** The peer has shown to know this node by that key. */
  onShown(local: LocalKeys): void {
    this.#known = local
  }

  onLocalsChanged(): void {
    if (this.#known !== this.#locals()[0]) this.#known = undefined
  }

  /** Each initiation of an attempt by another one, from the one that the peer knows on. */
  forTry(number: number): LocalKeys {
    const locals = this.#locals()
    const first = this.#known === undefined ? 0 : locals.indexOf(this.#known)
    const local = locals[(first + number) % locals.length]
    invariant(local !== undefined, 'handshakes are made with a private key only')
    return local
  }
}
