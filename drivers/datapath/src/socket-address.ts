import {
  type Endpoint,
  endpointOf,
  endpointParts,
  type Family,
  familyOf,
  type IpAddress,
  ipBytes,
  ipFromBytes,
} from '@weft/base'
import { CMSG_HEADER_BYTES } from './message-header.ts'

/**
 * Addresses as the kernel writes them. Ports are big-endian, everything else is the machine's (little-endian).
 *
 *     sockaddr_in   family u16 · port u16 · address 4 · 8 unused        sockaddr_in6  family u16 · port u16 · flow u32 · address 16 · scope u32
 *     in_pktinfo    interface i32 · local address 4 · address 4         in6_pktinfo   address 16 · interface i32
 */
export const AF_INET = 2
export const AF_INET6 = 10
export const SOCKADDR_BYTES = 28
/** Room for one control message with either kind of pktinfo. */
export const PKTINFO_SPACE = 40

export const IPPROTO_IP = 0
export const IPPROTO_IPV6 = 41
export const IP_PKTINFO = 8
const IPV6_PKTINFO = 50

export const SOCKADDR_IN_BYTES = 16
const IN_PKTINFO_BYTES = 12
const IN6_PKTINFO_BYTES = 20

/** Writes the address and answers its length. */
export function writeSocketAddress(memory: Uint8Array, offset: number, endpoint: Endpoint): number {
  const { address, port } = endpointParts(endpoint)
  const view = new DataView(memory.buffer, memory.byteOffset)
  const isV4 = familyOf(address) === 4
  view.setUint16(offset, isV4 ? AF_INET : AF_INET6, true)
  view.setUint16(offset + 2, port)
  memory.set(ipBytes(address), offset + (isV4 ? 4 : 8))
  return isV4 ? SOCKADDR_IN_BYTES : SOCKADDR_BYTES
}

/** As `writeSocketAddress`, for binding: every address of the family, and perhaps any port (0). */
export function writeWildcardAddress(memory: Uint8Array, offset: number, family: Family, port: number): number {
  memory.fill(0, offset, offset + SOCKADDR_BYTES)
  const view = new DataView(memory.buffer, memory.byteOffset)
  view.setUint16(offset, family === 4 ? AF_INET : AF_INET6, true)
  view.setUint16(offset + 2, port)
  return family === 4 ? SOCKADDR_IN_BYTES : SOCKADDR_BYTES
}

/** Port 0 can stand in a datagram, but it is no endpoint. */
export function socketAddressPort(memory: Uint8Array, offset: number): number {
  return ((memory[offset + 2] ?? 0) << 8) | (memory[offset + 3] ?? 0)
}

export function readSocketAddress(memory: Uint8Array, offset: number, family: Family): Endpoint {
  const address = family === 4 ? memory.subarray(offset + 4, offset + 8) : memory.subarray(offset + 8, offset + 24)
  return endpointOf(ipFromBytes(address), socketAddressPort(memory, offset))
}

/** Writes the control message that makes the kernel send from `local`, and answers its length with padding. */
export function writePacketInfo(memory: Uint8Array, offset: number, local: IpAddress): number {
  const isV4 = familyOf(local) === 4
  const view = new DataView(memory.buffer, memory.byteOffset)
  const data = offset + CMSG_HEADER_BYTES
  view.setUint32(offset, CMSG_HEADER_BYTES + (isV4 ? IN_PKTINFO_BYTES : IN6_PKTINFO_BYTES), true)
  view.setInt32(offset + 8, isV4 ? IPPROTO_IP : IPPROTO_IPV6, true)
  view.setInt32(offset + 12, isV4 ? IP_PKTINFO : IPV6_PKTINFO, true)
  memory.set(ipBytes(local), isV4 ? data + 4 : data)
  return isV4 ? CMSG_HEADER_BYTES + 16 : CMSG_HEADER_BYTES + 24
}

/** The address that the datagram was sent to, from the control message at `offset`, of which `length` bytes are there. */
export function readPacketInfo(memory: Uint8Array, offset: number, length: number): IpAddress | undefined {
  if (length < CMSG_HEADER_BYTES + IN_PKTINFO_BYTES) return undefined
  const view = new DataView(memory.buffer, memory.byteOffset)
  const level = view.getInt32(offset + 8, true)
  const type = view.getInt32(offset + 12, true)
  const data = offset + CMSG_HEADER_BYTES
  if (level === IPPROTO_IP && type === IP_PKTINFO) return ipFromBytes(memory.subarray(data + 4, data + 8))
  if (level === IPPROTO_IPV6 && type === IPV6_PKTINFO) return ipFromBytes(memory.subarray(data, data + 16))
  return undefined
}
