/** Which path reaches a peer: what a node looks like from outside (STUN), probes that prove a path, and the choice among paths. */
export {
  answerStun,
  createStunRequest,
  isStun,
  readStunAnswer,
  type StunTransaction,
} from './stun.ts'
