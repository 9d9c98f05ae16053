/** What was recorded on an Ethernet port, taken apart as far as scenarios need it. */
export interface RecordedPacket {
  readonly protocol: 'udp' | 'tcp'
  readonly source: string
  readonly sourcePort: number
  readonly destinationPort: number
  /** Of TCP. */
  readonly sequence: number
  readonly payload: Uint8Array
}

const FILE_HEADER = 24
const RECORD_HEADER = 16
const ETHERNET_HEADER = 14
const TCP = 6
const UDP = 17

/** The UDP and TCP packets over IPv4, in the order they came. */
export function packetsOf(pcap: Uint8Array): readonly RecordedPacket[] {
  const view = new DataView(pcap.buffer, pcap.byteOffset, pcap.byteLength)
  const packets: RecordedPacket[] = []
  for (let at = FILE_HEADER; at + RECORD_HEADER <= pcap.length; ) {
    const length = view.getUint32(at + 8, true)
    const frame = pcap.subarray(at + RECORD_HEADER, at + RECORD_HEADER + length)
    const packet = frame[12] === 8 && frame[13] === 0 ? readIpv4(frame.subarray(ETHERNET_HEADER)) : undefined
    if (packet !== undefined) packets.push(packet)
    at += RECORD_HEADER + length
  }
  return packets
}

/** One direction of a TCP connection, put together: what came twice is left out. */
export function streamOf(packets: readonly RecordedPacket[]): Uint8Array {
  const segments = packets.filter(({ payload }) => payload.length > 0)
  const [first] = segments
  if (first === undefined) return new Uint8Array()
  const whole = new Uint8Array(Math.max(...segments.map((s) => s.sequence - first.sequence + s.payload.length)))
  for (const { sequence, payload } of segments) whole.set(payload, sequence - first.sequence)
  return whole
}

function readIpv4(packet: Uint8Array): RecordedPacket | undefined {
  const protocol = packet[9]
  if (protocol !== TCP && protocol !== UDP) return undefined
  const total = ((packet[2] ?? 0) << 8) | (packet[3] ?? 0)
  const segment = packet.subarray(((packet[0] ?? 0) & 15) * 4, total)
  const view = new DataView(segment.buffer, segment.byteOffset, segment.byteLength)
  return {
    protocol: protocol === TCP ? 'tcp' : 'udp',
    source: packet.subarray(12, 16).join('.'),
    sourcePort: view.getUint16(0),
    destinationPort: view.getUint16(2),
    sequence: protocol === TCP ? view.getUint32(4) : 0,
    payload: segment.subarray(protocol === TCP ? (view.getUint8(12) >> 4) * 4 : 8),
  }
}
