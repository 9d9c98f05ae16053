import { type Clock, equalBytes, fromHex, toBase64, utf8 } from '@weft/base'
import type { ClientMethod, Params, Result } from '@weft/coordinator-protocol'
import { nativeCrypto as crypto, systemRandom as random } from '@weft/crypto'
import { parseLinkEndpoint, readRootFile, revokeDevice, signerIn, signLink } from '@weft/identity'
import type { MeshId } from '@weft/keys'
import { AgentError } from './agent-error.ts'
import type { AgentState } from './agent-state.ts'

/** Asks the coordinator of the mesh. */
export type AskCoordinator = <M extends ClientMethod>(method: M, params: Params<M>) => Promise<Result<M>>

/** The mesh's root file, where this device holds it: read for each signature, and in no one's memory between. */
export class HeldRoot {
  readonly #state: AgentState
  readonly #mesh: MeshId
  readonly #clock: Clock

  constructor(state: AgentState, mesh: MeshId, clock: Clock) {
    this.#state = state
    this.#mesh = mesh
    this.#clock = clock
  }

  get isHere(): boolean {
    return this.#state.hasRootFile(this.#mesh)
  }

  /** @throws {IdentityError} where the text is no root file; {AgentError} where it is of another mesh. */
  take(text: string): void {
    const { mesh } = readRootFile(text, crypto)
    if (mesh !== this.#mesh)
      throw new AgentError(
        'root-file-foreign',
        `this root file is of the mesh ${mesh.slice(0, 8)}, and this device is in ${this.#mesh.slice(0, 8)}`,
      )
    this.#state.saveRootFile(this.#mesh, text)
  }

  /** @throws {AgentError} `not-found` where it is not here. */
  text(): string {
    const text = this.#state.readRootFile(this.#mesh)
    if (text === undefined)
      throw new AgentError('not-found', 'this device does not hold the root key of its mesh: export it where it is')
    return text
  }

  /** Gone from here, once whoever has the text shows its SHA-256 in hexadecimal. @throws {AgentError} */
  forget(digest: string): void {
    if (!equalBytes(crypto.sha256(utf8(this.text())), fromHex(digest) ?? new Uint8Array()))
      throw new AgentError('not-allowed', 'the file does not hold what this device holds: export to a new file')
    this.#state.eraseRootFile(this.#mesh)
  }

  /** Signs here that a device is one of the mesh no more; the coordinator takes it out. @throws {IdentityError} {AgentError} */
  async revoke(chain: Uint8Array, ask: AskCoordinator): Promise<void> {
    const { root } = readRootFile(this.text(), crypto)
    const at = Math.floor(this.#clock().wall / 1000)
    const bytes = revokeDevice(chain, root, { crypto, at })
    await ask('revoke', { revocations: [toBase64(bytes)] })
  }

  /** A join link, made here; the coordinator gets its certificate. @throws {IdentityError} {AgentError} */
  async createLink(wish: Params<'link-create'>, ask: AskCoordinator): Promise<Result<'link-create'>> {
    const { account, coordinatorKey, endpoints } = await ask('link-place', {})
    const keys = readRootFile(this.text(), crypto)
    const signer = signerIn(keys, account, crypto)
    const place = {
      mesh: this.#mesh,
      coordinatorKey,
      endpoints: endpoints.flatMap((each) => parseLinkEndpoint(each) ?? []),
    }
    const at = Math.floor(this.#clock().wall / 1000)
    const { text, certificate } = signLink(wish, signer, place, { crypto, random, at })
    const { reusable } = wish
    const deposited = await ask('link-deposit', { certificate: toBase64(certificate), reusable })
    return { ...deposited, link: text }
  }
}
