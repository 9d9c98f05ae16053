/** Frames between node and relay, and both sides: the node's standing with a relay, and the relay's decisions. docs/protocols/relay.md */
export { answerToCaller, type RelayVisitor } from './admission.ts'
export type {
  RelayClientInput,
  RelayClientOptions,
  RelayClientOutput,
  RelayClientState,
  RelayVersion,
} from './client-interface.ts'
export { KNOCK_PATH, KNOCK_TOKEN_LENGTH, type KnockOutcome, MAX_MESSAGE } from './frames.ts'
export { RelayClient } from './relay-client.ts'
export {
  type Caller,
  type Client,
  defaultHubLimits,
  type HubEvent,
  type HubLimits,
  type HubOptions,
  type HubOutput,
  RelayHub,
  SWEEP_EVERY,
} from './relay-hub.ts'
export { relayIdOf } from './relay-id.ts'
