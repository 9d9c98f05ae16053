import type { Result } from '@weft/coordinator-protocol'
import type { NodeStatus, TrustOutcome } from '@weft/node'
import type { AgentStatus } from './agent-status.ts'
import type { Rotation } from './key-rotation.ts'
import type { NetcheckAnswer } from './netcheck.ts'

type OfCoordinator =
  | 'link-create'
  | 'link-list'
  | 'link-revoke'
  | 'rename'
  | 'remove'
  | 'name-add'
  | 'name-list'
  | 'name-remove'
  | 'relay-add'
  | 'relay-list'
  | 'relay-remove'

/** What the agent's socket answers, by method; `weft … --json` passes it on. */
export type ControlAnswers = {
  /** `refusedRequests`: at the socket, by reason. */
  readonly status: AgentStatus & { readonly refusedRequests: Readonly<Record<string, number>> }
  readonly up: Pick<AgentStatus, 'self'>
  /** Whether the agent ends with it. */
  readonly down: { readonly ends: boolean }
  readonly ping: { readonly sent: number; readonly received: number }
  readonly netcheck: NetcheckAnswer
  readonly 'rotate-key': Rotation
  readonly trust: Omit<Extract<TrustOutcome, { kind: 'trusted' }>, 'kind'>
} & { readonly [M in OfCoordinator]: Result<M> }

/** One for each ping, before its answer. */
export interface PingLine {
  readonly sequence: number
  readonly address: string
  /** Missing where no answer came in time. */
  readonly rttMs?: number
  readonly path: NodeStatus['peers'][number]['path']
}
