/** What node and coordinator say to each other, and the sealed channel that carries it; both ends, without I/O. */

export type { ChannelFailure, ChannelFault } from './channel-failure.ts'
export {
  MAX_FRAME_LENGTH,
  MAX_MESSAGE_TO_COORDINATOR,
  MAX_MESSAGE_TO_NODE,
  type MessageParts,
} from './channel-frames.ts'
export { ChannelInitiator, type ChannelOutput } from './channel-initiator.ts'
export { ChannelResponder, type ResponderOutput } from './channel-responder.ts'
export { REVOCATIONS_SINCE, REVOKED_TOLD_SINCE } from './channel-stream.ts'
export {
  type ClientAnswer,
  type ClientError,
  type ClientInput,
  type ClientMethod,
  type ClientOptions,
  type ClientOutput,
  type ClientRequest,
  type ClientState,
  linkEndpointText,
} from './client-interface.ts'
export { CoordinatorClient } from './coordinator-client.ts'
export {
  type Answer,
  type AnswerError,
  answerSchema,
  type ErrorCode,
  type FromCoordinator,
  type FromNode,
  type LinkSummary,
  type Method,
  type Params,
  parseResult,
  type RelaySummary,
  type Request,
  type Result,
  readFromCoordinator,
  readFromNode,
  requestIdOf,
  requestSchema,
} from './messages.ts'
export {
  changeSchema,
  type Grant,
  INCOMPLETE,
  MAX_ENDPOINTS,
  MAX_PEERS,
  MAX_RECORDS,
  MAX_RELAYS,
  MAX_TEXT_LENGTH,
  mergeNetmap,
  type Netmap,
  type NetmapChange,
  type NetmapPeer,
  type NetmapRecord,
  type NetmapRelay,
  netmapFault,
  netmapSchema,
  places,
  recordSchema,
} from './netmap.ts'
export type { OwnProof } from './netmap-subscription.ts'
export { netmapParts } from './peer-proofs.ts'
