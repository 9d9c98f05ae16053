/** IP packets: read in place, and the few that weft makes itself. */
export { checksum, onesSum, pseudoHeaderSum } from './checksum.ts'
export { Coalescer, type CoalescerOutlet, type PacketParts } from './coalescer.ts'
export {
  buildEchoRequest,
  ECHO_HEADER,
  type EchoReply,
  ICMP4_ECHO_REPLY,
  ICMP4_ECHO_REQUEST,
  ICMP6_ECHO_REPLY,
  ICMP6_ECHO_REQUEST,
  isEchoReply,
  readEchoReply,
} from './echo.ts'
export { buildTooBig, ICMP_ERROR_HEADER, isIcmpError } from './icmp-error.ts'
export { buildIcmpPacket, buildIpPacket } from './ip-builder.ts'
export {
  addressLength,
  destinationOffset,
  IPV4_HEADER,
  IPV6_HEADER,
  ipTotalLength,
  ipVersion,
  PROTOCOL_ICMP,
  PROTOCOL_ICMP6,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  sourceOffset,
} from './ip-header.ts'
export { byteAt, putUint16, putUint32, uint16At, uint32At } from './memory.ts'
export { FRAGMENT_FIRST, FRAGMENT_LATER, FRAGMENT_NONE, PacketView } from './packet-view.ts'
export { Segmenter } from './segmenter.ts'
export { SummedMemory } from './summed-memory.ts'
export {
  SEGMENTS_NONE,
  SEGMENTS_TCP4,
  SEGMENTS_TCP6,
  SEGMENTS_UDP,
  VIRTIO_HEADER,
  VirtioHeader,
} from './virtio-header.ts'
