import { type Clock, fromBase64, invariant, type Logger, toBase64 } from '@weft/base'
import type { Result } from '@weft/coordinator-protocol'
import { nativeCrypto as crypto, systemRandom } from '@weft/crypto'
import {
  createDeviceCertificate,
  createRecord,
  generateNodeKeys,
  IdentityError,
  type JoinLink,
  type NodeKeys,
  readLink,
  type VerifiedChain,
  verifyChain,
  verifyLinkCertificates,
} from '@weft/identity'
import { nodeIdOf } from '@weft/keys'
import { NO_PINS } from '@weft/node'
import { AgentError } from './agent-error.ts'
import type { AgentState, MembershipOnDisk } from './agent-state.ts'
import { CoordinatorLink } from './coordinator-link.ts'
import { FIRST_SEQUENCE } from './membership-schemas.ts'

/** What the coordinator says for good: the same question would be answered the same. */
const FINAL_REFUSALS: ReadonlySet<string> = new Set([
  'link-unknown',
  'link-used',
  'link-expired',
  'link-revoked',
  'record-refused',
  'certificate-refused',
])

/** The text of a join link, read. @throws AgentError */
export function parseJoinLink(text: string): JoinLink {
  return asAgentError(() => readLink(text, crypto))
}

/**
 * Joins the mesh of a link. The node's keys lie on disk before the coordinator hears of them, so that after a lost answer the
 * same node asks again with the same link and gets the same answer. When it fails nothing is left that blocks another try.
 *
 * @returns the membership, saved, and the connection it was made over. @throws AgentError
 */
export async function joinMesh(options: {
  readonly link: JoinLink
  readonly state: AgentState
  readonly hostName: string
  readonly clock: Clock
  readonly logger: Logger
  readonly signal: AbortSignal
}): Promise<{ readonly membership: MembershipOnDisk; readonly coordinator: CoordinatorLink }> {
  const { link, state, clock, logger } = options
  const attempt = new JoinAttempt(link, state, clock)
  const contact = { coordinatorKey: link.coordinatorKey, endpoints: link.endpoints }
  const coordinator = new CoordinatorLink({ contact, channelKey: attempt.keys.channel, clock, logger })
  const abort = () => coordinator.stop()
  options.signal.addEventListener('abort', abort)
  try {
    options.signal.throwIfAborted()
    coordinator.start()
    const membership = await attempt.run(coordinator, options.hostName)
    logger.info('joined', { mesh: membership.mesh, id: membership.id, name: membership.name })
    return { membership, coordinator }
  } catch (error) {
    coordinator.stop()
    attempt.cleanUp(error)
    throw error
  } finally {
    options.signal.removeEventListener('abort', abort)
  }
}

class JoinAttempt {
  readonly keys: NodeKeys
  readonly #link: JoinLink
  readonly #state: AgentState
  readonly #clock: Clock
  readonly #isRetry: boolean
  #hasAsked = false

  constructor(link: JoinLink, state: AgentState, clock: Clock) {
    this.#link = link
    this.#state = state
    this.#clock = clock
    const linkKey = link.seed.publicKey(crypto)
    const before = state.readKeys(link.mesh)
    this.#isRetry = before?.link === linkKey
    this.keys = this.#isRetry && before !== undefined ? before.keys : generateNodeKeys(systemRandom)
    if (!this.#isRetry) state.saveJoinKeys(link.mesh, { link: linkKey, keys: this.keys })
  }

  async run(coordinator: CoordinatorLink, hostName: string): Promise<MembershipOnDisk> {
    const { mesh, coordinatorKey, endpoints } = this.#link
    const record = createRecord(this.keys, FIRST_SEQUENCE, crypto)
    const certificate = await this.#certify(coordinator)
    this.#hasAsked = true
    const answer = await coordinator.request('join', {
      record: toBase64(record),
      certificate: toBase64(certificate),
      hostName,
    })
    const chain = this.#checkedChain(answer)
    const { id, name } = answer
    const device = { link: this.#link.seed.publicKey(crypto), keys: this.keys, sequence: FIRST_SEQUENCE }
    const membership = {
      mesh,
      id,
      name,
      ...device,
      record,
      chain,
      known: [],
      pins: NO_PINS,
      coordinatorKey,
      endpoints,
    }
    this.#state.saveMembership(membership)
    return membership
  }

  /** Keys that the coordinator may have registered are kept for another try with the same link. */
  cleanUp(error: unknown): void {
    const isFinal = error instanceof AgentError && FINAL_REFUSALS.has(error.code)
    const mayBeRegistered = this.#isRetry || this.#hasAsked
    if (isFinal || !mayBeRegistered) this.#state.removeJoinKeys(this.#link.mesh)
  }

  async #certify(coordinator: CoordinatorLink): Promise<Uint8Array> {
    const { mesh, seed } = this.#link
    const linkKey = seed.publicKey(crypto)
    const answer = await coordinator.request('open-link', { linkKey })
    const at = this.#clock().wall
    return asAgentError(() => {
      const [account, link] = [bytesOf(answer.account), bytesOf(answer.link)]
      const grant = verifyLinkCertificates({ account, link, mesh, linkKey, at, crypto })
      const identityKey = this.keys.identity.publicKey(crypto)
      return createDeviceCertificate({ grant, link: seed, identityKey, at, crypto })
    })
  }

  /** The coordinator sends the whole chain back; the node goes by what it proves. */
  #checkedChain({ chain: text, id }: Result<'join'>): Uint8Array {
    const chain = bytesOf(text)
    const identityKey = this.keys.identity.publicKey(crypto)
    const at = this.#clock().wall
    const verified: VerifiedChain = asAgentError(() => verifyChain({ chain, mesh: this.#link.mesh, at, crypto }))
    if (verified.identityKey !== identityKey || id !== nodeIdOf(identityKey, crypto))
      throw new AgentError(
        'answer-malformed',
        'the coordinator answered for another device than this one: ask its administrator for a new link',
      )
    return chain
  }
}

function bytesOf(text: string): Uint8Array {
  const bytes = fromBase64(text)
  invariant(bytes !== undefined, 'the schema of an answer wants base64')
  return bytes
}

function asAgentError<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof IdentityError) throw new AgentError(error.code, error.message, error)
    throw error
  }
}
