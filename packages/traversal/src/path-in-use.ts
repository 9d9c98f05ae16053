import type { WallTime } from '@weft/base'
import type { Path } from '@weft/datapath'
import { UNPROVEN_PATH_MTU } from './path-mtu.ts'

export interface PathInUseHost {
  wall(): WallTime
  /** `mtu`: bytes of the longest tunnel packet that it carries. */
  use(path: Path, mtu: number): void
  /** A change that people may want to know of. */
  changed(path: Path, why: string): void
}

/** The path in use to one peer, as the fast path and people were told. */
export class PathInUse {
  readonly #host: PathInUseHost
  #path: Path | undefined
  #mtu = UNPROVEN_PATH_MTU
  #shown: string | undefined
  #since: WallTime | undefined
  #why = ''

  constructor(host: PathInUseHost) {
    this.#host = host
  }

  get path(): Path | undefined {
    return this.#path
  }

  get mtu(): number {
    return this.#mtu
  }

  /** When people were last told of a change, and why it came. */
  get standing(): { readonly since: WallTime | undefined; readonly why: string } {
    return { since: this.#since, why: this.#why }
  }

  set(path: Path, mtu: number, why: string): void {
    this.setQuietly(path, mtu)
    const shown = path.kind === 'direct' ? path.remote : path.relay
    if (shown === this.#shown) return
    this.#shown = shown
    this.#since = this.#host.wall()
    this.#why = why
    this.#host.changed(path, why)
  }

  /** To be told nobody. */
  setQuietly(path: Path, mtu: number): void {
    this.#path = path
    this.#mtu = mtu
    this.#host.use(path, mtu)
  }
}
