import { setTimeout as sleep } from 'node:timers/promises'
import { assertNever, milliseconds, toBase64 } from '@weft/base'
import {
  type ControlContext,
  ControlError,
  type ControlMethod,
  type ControlRefusal,
  controlMethod,
} from '@weft/control-socket'
import { places } from '@weft/coordinator-protocol'
import { IdentityError, MAX_CERTIFICATE_LENGTH, MAX_REVOCATION_TEXT, MAX_ROOT_FILE_LENGTH } from '@weft/identity'
import type { PingOutcome, TrustOutcome } from '@weft/node'
import { StateError } from '@weft/state'
import { z } from 'zod'
import type { Agent } from './agent.ts'
import { AgentError, unknownPeerError } from './agent-error.ts'
import type { ControlAnswers, PingLine } from './control-answers.ts'

const MAX_LINK_LENGTH = 8192
const MAX_LINK_SECONDS = 10 * 365 * 86_400
const DEFAULT_LINK_SECONDS = 86_400
/** An answer that comes later is not waited for. */
const PING_TIMEOUT = milliseconds(3_000)

const nothing = z.strictObject({})
const upParams = z.strictObject({ link: z.string().min(1).max(MAX_LINK_LENGTH).optional() })
const pingParams = z.strictObject({
  peer: z.string().min(1).max(255),
  /** 0: until the caller goes away. */
  count: z.int().min(0).max(1_000_000).default(4),
  intervalMs: z.int().min(10).max(3_600_000).default(1_000),
  /** Ends with the first answer that came by a direct path. */
  untilDirect: z.boolean().default(false),
})
const linkParams = z.strictObject({
  reusable: z.boolean().default(false),
  expiresSeconds: z.int().min(1).max(MAX_LINK_SECONDS).default(DEFAULT_LINK_SECONDS),
  tags: z
    .array(z.string().regex(/^[a-z0-9-]{1,32}$/, 'a tag is 1 to 32 of a-z, 0-9 and -'))
    .max(16)
    .default([]),
})
const depositParams = z.strictObject({
  certificate: z
    .string()
    .min(1)
    .max(2 * MAX_CERTIFICATE_LENGTH),
  reusable: z.boolean(),
})
const forgetParams = z.strictObject({ digest: z.string().regex(/^[0-9a-f]{64}$/) })
const importParams = z.strictObject({ text: z.string().max(MAX_ROOT_FILE_LENGTH) })
const revokeParams = z.strictObject({ id: z.string().min(1).max(64) })

const someName = z.string().min(1).max(255)
const recordType = z.enum(['A', 'AAAA', 'CNAME', 'TXT'])
/** `device`: this one where absent. */
const renameParams = z.strictObject({ device: someName.optional(), name: someName })
const deviceParams = z.strictObject({ device: someName })
const signedParams = z.strictObject({ revocation: z.string().min(1).max(MAX_REVOCATION_TEXT) })
const trustParams = z.strictObject({ peer: someName })
const recordParams = z.strictObject({ name: someName, type: recordType, value: someName })
const recordChoice = z.strictObject({
  name: someName,
  type: z.exactOptional(recordType),
  value: z.exactOptional(someName),
})

const relayParams = z.strictObject({ places })
const relayChoice = z.strictObject({ relay: someName })

/** What the agent's socket answers; docs and `weft --help` name the verbs that ask. */
export function controlMethods(
  agent: Agent,
  refusals: () => Readonly<Record<ControlRefusal, number>> | undefined,
): Readonly<Record<string, ControlMethod>> {
  return {
    status: method('read', nothing, async () => ({ ...agent.status(), refusedRequests: happened(refusals()) })),
    up: method('change', upParams, ({ link }) => agent.up(link)),
    down: method('change', nothing, () => agent.down()),
    ping: method('read', pingParams, (params, context) => ping(agent, params, context)),
    netcheck: method('read', nothing, (_params, { signal }) => agent.netcheck(signal)),
    'rotate-key': method('change', nothing, () => agent.rotateKeys()),
    'link-create': method('change', linkParams, (params) => agent.createLink(params)),
    'link-place': method('read', nothing, () => agent.request('link-place', {})),
    'link-deposit': method('change', depositParams, (params) => agent.request('link-deposit', params)),
    'root-export': method('change', nothing, async () => ({ text: agent.root.text() })),
    'root-forget': method('change', forgetParams, async ({ digest }) => agent.root.forget(digest)),
    'root-import': method('change', importParams, async ({ text }) => agent.root.take(text)),
    'link-list': method('read', nothing, () => agent.request('link-list', {})),
    'link-revoke': method('change', revokeParams, (params) => agent.request('link-revoke', params)),
    rename: method('change', renameParams, ({ device, name }) =>
      agent.request('rename', { device: device ?? agent.status().self?.id ?? '', name }),
    ),
    remove: method('change', deviceParams, (params) => agent.remove(params.device)),
    device: method('read', deviceParams, async ({ device }) => {
      const { id, name, chain } = agent.device(device)
      return { id, name, chain: toBase64(chain) }
    }),
    revoke: method('change', signedParams, ({ revocation }) => agent.request('revoke', { revocations: [revocation] })),
    trust: method('change', trustParams, async ({ peer }) => trusted(peer, await agent.trust(peer))),
    'name-add': method('change', recordParams, (params) => agent.request('name-add', params)),
    'name-list': method('read', nothing, () => agent.request('name-list', {})),
    'name-remove': method('change', recordChoice, (params) => agent.request('name-remove', params)),
    'relay-add': method('change', relayParams, (params) => agent.request('relay-add', params)),
    'relay-list': method('read', nothing, () => agent.request('relay-list', {})),
    'relay-remove': method('change', relayChoice, (params) => agent.request('relay-remove', params)),
  } satisfies Record<string, ControlMethod> & { readonly [M in keyof ControlAnswers]: Answering<ControlAnswers[M]> }
}

type Answering<Answer> = ControlMethod & { run(params: unknown, context: ControlContext): Promise<Answer> }

function method<Params, Answer>(
  access: 'read' | 'change',
  params: { parse(value: unknown): Params },
  run: (params: Params, context: ControlContext) => Promise<Answer>,
): Answering<Answer> {
  return controlMethod<Params>({
    access,
    params,
    run: async (asked, context) => {
      try {
        return await run(asked, context)
      } catch (error) {
        throw controlErrorOf(error)
      }
    },
  }) as Answering<Answer>
}

function happened(counts: Readonly<Record<string, number>> = {}): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0))
}

function controlErrorOf(error: unknown): unknown {
  const isForPeople = error instanceof AgentError || error instanceof StateError || error instanceof IdentityError
  return isForPeople ? new ControlError(error.code, error.message, error) : error
}

async function ping(
  agent: Agent,
  { peer, count, intervalMs, untilDirect }: z.infer<typeof pingParams>,
  { signal, emit }: ControlContext,
): Promise<ControlAnswers['ping']> {
  let sent = 0
  let received = 0
  while (!signal.aborted && (count === 0 || sent < count)) {
    const pause = sent === 0 ? 0 : intervalMs
    await sleep(pause, undefined, { signal }).catch(() => undefined)
    if (signal.aborted) break
    const line = pingLine(peer, await agent.ping(peer, PING_TIMEOUT))
    sent++
    if ('rttMs' in line) received++
    emit({ sequence: sent, ...line })
    if (untilDirect && 'rttMs' in line && line.path.kind === 'direct') break
  }
  return { sent, received }
}

/** @throws AgentError where there is nobody to wait for. */
function pingLine(peer: string, outcome: PingOutcome): Omit<PingLine, 'sequence'> {
  switch (outcome.kind) {
    case 'reply': {
      const { path } = outcome
      const shown = path?.kind === 'direct' ? { kind: path.kind, endpoint: path.remote } : (path ?? { kind: 'none' })
      return { address: outcome.address, rttMs: outcome.rttMs, path: shown }
    }
    case 'timeout':
      return { address: outcome.address, path: { kind: 'none' } }
    case 'unknown-peer':
      throw unknownPeerError(peer)
    case 'refused-peer':
      if (outcome.reason === 'address-pinned')
        throw new AgentError(
          'peer-refused',
          `${peer} gets no tunnel: its address was another device's; see weft status, and if the change is right: sudo weft trust ${peer}`,
        )
      throw new AgentError(
        'peer-refused',
        `${peer} gets no tunnel: ${outcome.reason}; the coordinator names it, but it did not prove who it is; see weft status`,
      )
    case 'name-pinned':
      throw new AgentError(
        'name-pinned',
        `${peer} was the name of another device; see weft status, and if the change is right: sudo weft trust ${peer}`,
      )
    case 'self':
      throw new AgentError('unknown-peer', `${peer} is this device itself; name another, see weft status`)
    case 'busy':
      throw new AgentError('busy', 'too many pings are under way; try again in a moment')
    default:
      return assertNever(outcome)
  }
}

/** @throws AgentError where nothing can be agreed to. */
function trusted(peer: string, outcome: TrustOutcome) {
  switch (outcome.kind) {
    case 'trusted': {
      const { kind: _kind, ...rest } = outcome
      return rest
    }
    case 'unknown-peer':
      throw unknownPeerError(peer)
    case 'ambiguous':
      throw new AgentError(
        'ambiguous',
        `${outcome.ids.length} devices claim ${peer}; say which by its id: ${outcome.ids.slice(0, 4).join(', ')}`,
      )
    case 'refused-peer':
      throw new AgentError(
        'peer-refused',
        `${peer} gets no tunnel for another reason: ${outcome.reason}; only a name or an address can be trusted; see weft status`,
      )
    case 'own':
      throw new AgentError(
        'own',
        `${outcome.value} is this device's own; give the other one a name or address of its own`,
      )
    default:
      return assertNever(outcome)
  }
}
