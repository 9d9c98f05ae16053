/** Numbers of the DNS, by RFC 1035 and RFC 6891, and weft's own bounds. */

export const TYPE = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  TXT: 16,
  AAAA: 28,
  OPT: 41,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
} as const

export const CLASS_IN = 1

export const RCODE = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  /** Extended: RFC 6891 §6.1.3. */
  BADVERS: 16,
} as const

export const FLAG = { QR: 0x8000, AA: 0x0400, TC: 0x0200, RD: 0x0100, RA: 0x0080, AD: 0x0020, CD: 0x0010 } as const
export const OPCODE_MASK = 0x7800
export const RCODE_MASK = 0x000f
export const DNSSEC_OK = 0x8000

export const HEADER = 12
export const MAX_LABEL = 63
/** Of a name on the wire, its last empty label included. */
export const MAX_NAME = 255
export const DNS_PORT = 53

/**
 * Seconds that an answer for a name of the mesh holds: systemd-resolved keeps it for so long, also where the device has another name since,
 * or is removed. Whoever is asked again is on the same machine.
 */
export const MESH_TTL = 5
/** What a UDP answer may have without EDNS. */
export const PLAIN_UDP_BYTES = 512
/** What is promised, and used, with EDNS: fits in every IPv6 link. */
export const EDNS_UDP_BYTES = 1232
export const MAX_MESSAGE = 65_535
