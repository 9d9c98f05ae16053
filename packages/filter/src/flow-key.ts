import {
  byteAt,
  ICMP4_ECHO_REPLY,
  ICMP4_ECHO_REQUEST,
  ICMP6_ECHO_REPLY,
  ICMP6_ECHO_REQUEST,
  type PacketView,
  uint32At,
} from '@weft/packet'

/*
 * A flow is the same in both directions, so its key tells remote (the peer's side) from local instead of source from
 * destination. Ten 32-bit words:
 *
 *   0–3  remote address, an IPv4 address in word 3 alone      8  remote port, local port; of a fragment its identification
 *   4–7  local address, likewise                              9  protocol and the bits below
 */
export const KEY_WORDS = 10
export const REMOTE = 0
export const LOCAL = 4
const PORTS = 8
const META = 9

const META_IPV6 = 1 << 8
/** An echo request came from the remote side: its replies go out, and none come in. */
const META_ECHO_FROM_REMOTE = 1 << 9
const META_FRAGMENT = 1 << 10

export type FlowKey = Uint32Array<ArrayBuffer>

export const isIpv6Key = (key: FlowKey, at = 0): boolean => ((key[at + META] ?? 0) & META_IPV6) !== 0
export const isFragmentKey = (key: FlowKey, at = 0): boolean => ((key[at + META] ?? 0) & META_FRAGMENT) !== 0
export const protocolOfKey = (key: FlowKey, at = 0): number => (key[at + META] ?? 0) & 0xff
export const localPortOfKey = (key: FlowKey, at = 0): number => (key[at + PORTS] ?? 0) & 0xffff

/** The key of the view's packet with its ports, for all but echoes and fragments. */
export function fillFlowKey(key: FlowKey, memory: Uint8Array, view: PacketView, isInbound: boolean): void {
  fillAddresses(key, memory, view, isInbound)
  const remotePort = isInbound ? view.sourcePort : view.destinationPort
  const localPort = isInbound ? view.destinationPort : view.sourcePort
  key[PORTS] = (remotePort << 16) | localPort
  key[META] = metaOf(view, view.protocol)
}

/** As `fillFlowKey`, for an ICMP echo: the side that asked tells its two directions apart. */
export function fillEchoKey(key: FlowKey, memory: Uint8Array, view: PacketView, isInbound: boolean): void {
  fillAddresses(key, memory, view, isInbound)
  key[PORTS] = view.icmpIdentifier
  key[META] = metaOf(view, view.protocol) | (isInbound === isEchoRequest(view) ? META_ECHO_FROM_REMOTE : 0)
}

export function isEchoRequest(view: PacketView): boolean {
  return view.icmpType === (view.version === 4 ? ICMP4_ECHO_REQUEST : ICMP6_ECHO_REQUEST)
}

export function isEchoAnswer(view: PacketView): boolean {
  return view.icmpType === (view.version === 4 ? ICMP4_ECHO_REPLY : ICMP6_ECHO_REPLY)
}

/** What all inbound fragments of one packet share: RFC 791 §3.2, RFC 8200 §4.5 (where the protocol is no part of it). */
export function fillFragmentKey(key: FlowKey, memory: Uint8Array, view: PacketView): void {
  fillAddresses(key, memory, view, true)
  key[PORTS] = view.identification
  key[META] = metaOf(view, view.version === 4 ? view.protocol : 0) | META_FRAGMENT
}

function metaOf(view: PacketView, protocol: number): number {
  return protocol | (view.version === 6 ? META_IPV6 : 0)
}

function fillAddresses(key: FlowKey, memory: Uint8Array, view: PacketView, isInbound: boolean): void {
  const { version, sourceOffset, destinationOffset } = view
  fillAddress(key, REMOTE, memory, isInbound ? sourceOffset : destinationOffset, version)
  fillAddress(key, LOCAL, memory, isInbound ? destinationOffset : sourceOffset, version)
}

function fillAddress(key: FlowKey, at: number, memory: Uint8Array, offset: number, version: 4 | 6): void {
  const isIpv4 = version === 4
  key[at] = isIpv4 ? 0 : uint32At(memory, offset)
  key[at + 1] = isIpv4 ? 0 : uint32At(memory, offset + 4)
  key[at + 2] = isIpv4 ? 0 : uint32At(memory, offset + 8)
  key[at + 3] = uint32At(memory, isIpv4 ? offset : offset + 12)
}

/** Whether the packet that an inbound ICMP error quotes was sent by whom the error is for. */
export function quotesItsReceiver(memory: Uint8Array, error: PacketView, quoted: PacketView): boolean {
  if (error.version !== quoted.version) return false
  for (let i = 0; i < (error.version === 4 ? 4 : 16); i++) {
    if (byteAt(memory, error.destinationOffset + i) !== byteAt(memory, quoted.sourceOffset + i)) return false
  }
  return true
}
