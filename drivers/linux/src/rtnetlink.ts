import {
  concatBytes,
  type Family,
  familyOf,
  type IpAddress,
  ipBytes,
  ipFromBytes,
  type Prefix,
  prefixOf,
  prefixParts,
  viewOf,
} from '@weft/base'
import { decodeAttributes, encodeAttribute, readUint32, uint32 } from './netlink-message.ts'
import type { NetlinkSocket } from './netlink-socket.ts'

const RTM_NEWLINK = 16
const RTM_GETLINK = 18
const RTM_NEWADDR = 20
const RTM_DELADDR = 21
const RTM_GETADDR = 22
const RTM_NEWROUTE = 24
const RTM_DELROUTE = 25
const RTM_GETROUTE = 26

const NLM_F_REPLACE = 0x100
const NLM_F_EXCL = 0x200
const NLM_F_CREATE = 0x400

const AF_UNSPEC = 0
const AF_INET = 2
const AF_INET6 = 10

/** Marks routes as weft's, as `ip route` shows it (`proto 73`); below 128 but none of iproute2's rt_protos. */
const ROUTE_PROTOCOL = 73
const RT_TABLE_MAIN = 254
const RT_SCOPE_UNIVERSE = 0
const RT_SCOPE_LINK = 253
const RTN_UNICAST = 1
const RTA_DST = 1
const RTA_OIF = 4
const RTA_TABLE = 15

const IFA_ADDRESS = 1
const IFA_LOCAL = 2
const IFA_FLAGS = 8
const IFA_F_NODAD = 0x02

const IFLA_IFNAME = 3
const IFLA_MTU = 4
const IFLA_AF_SPEC = 26
const IFLA_INET6_ADDR_GEN_MODE = 8
const IN6_ADDR_GEN_MODE_NONE = 1
const IFF_UP = 1

export interface Link {
  readonly index: number
  readonly name: string
  readonly up: boolean
}

export interface AddressEntry {
  readonly index: number
  readonly address: IpAddress
  readonly length: number
  /** `ifaddrmsg` flags (if_addr.h). */
  readonly flags: number
}

export function listLinks(socket: NetlinkSocket): readonly Link[] {
  return socket.list(RTM_GETLINK, linkBody({ index: 0, flags: 0, change: 0 })).map((body) => {
    const view = viewOf(body)
    return {
      index: view.getInt32(4, true),
      name: zeroTerminated(decodeAttributes(body.subarray(16)).get(IFLA_IFNAME)),
      up: (view.getUint32(8, true) & IFF_UP) !== 0,
    }
  })
}

export function setLinkUp(socket: NetlinkSocket, index: number): void {
  socket.change(RTM_NEWLINK, 0, linkBody({ index, flags: IFF_UP, change: IFF_UP }))
}

export function setLinkMtu(socket: NetlinkSocket, index: number, mtu: number): void {
  const attribute = encodeAttribute(IFLA_MTU, uint32(mtu))
  socket.change(RTM_NEWLINK, 0, concatBytes(linkBody({ index, flags: 0, change: 0 }), attribute))
}

/** Without a link-local address of its own the kernel sends nothing through the interface unasked. */
export function setNoLinkLocal(socket: NetlinkSocket, index: number): void {
  const mode = encodeAttribute(IFLA_INET6_ADDR_GEN_MODE, Uint8Array.of(IN6_ADDR_GEN_MODE_NONE))
  const spec = encodeAttribute(IFLA_AF_SPEC, encodeAttribute(AF_INET6, mode))
  socket.change(RTM_NEWLINK, 0, concatBytes(linkBody({ index, flags: 0, change: 0 }), spec))
}

export function listAddresses(socket: NetlinkSocket): readonly AddressEntry[] {
  return socket.list(RTM_GETADDR, addressBody(AF_UNSPEC, 0, 0)).flatMap((body) => {
    const attributes = decodeAttributes(body.subarray(8))
    // IFA_ADDRESS is the other end's on a point-to-point interface.
    const bytes = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS)
    if (bytes === undefined || (bytes.length !== 4 && bytes.length !== 16)) return []
    const flags = readUint32(attributes.get(IFA_FLAGS)) ?? body[2] ?? 0
    return [{ index: viewOf(body).getUint32(4, true), address: ipFromBytes(bytes), length: body[1] ?? 0, flags }]
  })
}

export function addAddress(socket: NetlinkSocket, index: number, address: IpAddress, length: number): void {
  const bytes = ipBytes(address)
  socket.change(
    RTM_NEWADDR,
    NLM_F_CREATE | NLM_F_REPLACE,
    concatBytes(
      addressBody(familyNumber(address), length, index),
      encodeAttribute(IFA_LOCAL, bytes),
      encodeAttribute(IFA_ADDRESS, bytes),
      // No duplicate of a mesh address can be heard of by asking neighbours: usable at once.
      encodeAttribute(IFA_FLAGS, uint32(familyOf(address) === 6 ? IFA_F_NODAD : 0)),
    ),
  )
}

export function removeAddress(socket: NetlinkSocket, entry: AddressEntry): void {
  const body = addressBody(familyNumber(entry.address), entry.length, entry.index)
  socket.change(RTM_DELADDR, 0, concatBytes(body, encodeAttribute(IFA_LOCAL, ipBytes(entry.address))))
}

/** @throws {SystemError} `EEXIST` where the prefix has a route already, whoever made it. */
export function addRoute(socket: NetlinkSocket, index: number, prefix: Prefix): void {
  socket.change(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, routeBody(index, prefix))
}

export function removeRoute(socket: NetlinkSocket, index: number, prefix: Prefix): void {
  socket.change(RTM_DELROUTE, 0, routeBody(index, prefix))
}

/** weft's own routes through the interface. */
export function listRoutes(socket: NetlinkSocket, index: number, family: Family): readonly Prefix[] {
  const header = Uint8Array.of(family === 4 ? AF_INET : AF_INET6, 0, 0, 0, 0, ROUTE_PROTOCOL, 0, 0, 0, 0, 0, 0)
  const body = concatBytes(header, encodeAttribute(RTA_OIF, uint32(index)))
  return socket.list(RTM_GETROUTE, body).flatMap((route) => {
    const attributes = decodeAttributes(route.subarray(12))
    // A kernel that does not filter lists all.
    if (route[5] !== ROUTE_PROTOCOL || readUint32(attributes.get(RTA_OIF)) !== index) return []
    return [prefixOf(ipFromBytes(attributes.get(RTA_DST) ?? new Uint8Array(family === 4 ? 4 : 16)), route[1] ?? 0)]
  })
}

/** ifinfomsg. */
function linkBody(link: { readonly index: number; readonly flags: number; readonly change: number }): Uint8Array {
  const body = new Uint8Array(16)
  const view = viewOf(body)
  view.setInt32(4, link.index, true)
  view.setUint32(8, link.flags, true)
  view.setUint32(12, link.change, true)
  return body
}

/** ifaddrmsg. */
function addressBody(family: number, length: number, index: number): Uint8Array {
  return concatBytes(Uint8Array.of(family, length, 0, RT_SCOPE_UNIVERSE), uint32(index))
}

/** rtmsg, with destination and interface. */
function routeBody(index: number, prefix: Prefix): Uint8Array {
  const { address, length } = prefixParts(prefix)
  const scope = familyOf(prefix) === 4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE
  return concatBytes(
    Uint8Array.of(familyNumber(prefix), length, 0, 0, RT_TABLE_MAIN, ROUTE_PROTOCOL, scope, RTN_UNICAST),
    uint32(0),
    encodeAttribute(RTA_DST, ipBytes(address)),
    encodeAttribute(RTA_OIF, uint32(index)),
    encodeAttribute(RTA_TABLE, uint32(RT_TABLE_MAIN)),
  )
}

function familyNumber(address: IpAddress | Prefix): number {
  return familyOf(address) === 4 ? AF_INET : AF_INET6
}

function zeroTerminated(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? '' : new TextDecoder().decode(bytes.subarray(0, Math.max(0, bytes.length - 1)))
}
