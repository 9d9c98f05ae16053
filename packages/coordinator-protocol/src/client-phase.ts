import { assertNever, earliest, type Instant } from '@weft/base'
import type { ChannelInitiator } from './channel-initiator.ts'
import type { Attempt, ConnectionRound } from './connection-round.ts'
import type { Liveness } from './liveness.ts'

/** Where a client stands with its coordinator, and which connections it has then. */
export type Phase =
  | { readonly kind: 'stopped' }
  | { readonly kind: 'connecting'; readonly round: ConnectionRound }
  | {
      readonly kind: 'connected'
      readonly connection: number
      readonly channel: ChannelInitiator
      readonly version: number
      readonly liveness: Liveness
    }
  | { readonly kind: 'waiting'; readonly until: Instant }

export type Connected = Extract<Phase, { readonly kind: 'connected' }>

export function connectionsOf(phase: Phase): readonly number[] {
  switch (phase.kind) {
    case 'connecting':
      return phase.round.attempts.map(({ connection }) => connection)
    case 'connected':
      return [phase.connection]
    default:
      return []
  }
}

export function attemptOf(phase: Phase, connection: number): Attempt | undefined {
  return phase.kind === 'connecting' ? phase.round.attempt(connection) : undefined
}

export function channelOf(phase: Phase, connection: number): ChannelInitiator | undefined {
  if (phase.kind !== 'connected') return attemptOf(phase, connection)?.channel
  return phase.connection === connection ? phase.channel : undefined
}

/** `subscriptionDeadline`: until when the subscription waits for its answer. */
export function phaseTimeout(phase: Phase, subscriptionDeadline: Instant | undefined): Instant | undefined {
  switch (phase.kind) {
    case 'stopped':
      return undefined
    case 'waiting':
      return phase.until
    case 'connecting':
      return phase.round.until
    case 'connected':
      return earliest(phase.liveness.nextTimeout(), subscriptionDeadline)
    default:
      return assertNever(phase)
  }
}
