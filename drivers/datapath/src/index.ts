/** The fast path on Linux: packets between a TUN and UDP sockets, moved by a thread of its own. */
export { LaneDatapath } from './lane-datapath.ts'
export { LaneError, type LaneErrorCode } from './lane-error.ts'
