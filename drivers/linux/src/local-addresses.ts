import { type IpAddress, type IpScope, scopeOf } from '@weft/base'
import { attempt } from './interface-error.ts'
import { NetlinkSocket } from './netlink-socket.ts'
import { listAddresses, listLinks } from './rtnetlink.ts'

// if_addr.h: not usable yet, a duplicate of another machine's, or about to go.
const IFA_F_DADFAILED = 0x08
const IFA_F_DEPRECATED = 0x20
const IFA_F_TENTATIVE = 0x40
const UNUSABLE = IFA_F_DADFAILED | IFA_F_DEPRECATED | IFA_F_TENTATIVE

export interface LocalAddress {
  /** Of the interface. */
  readonly name: string
  readonly address: IpAddress
  readonly scope: IpScope
}

/** The addresses of this machine's interfaces that are up, and usable now; loopback and link-local ones included. */
export function localAddresses(): readonly LocalAddress[] {
  return attempt("list the machine's addresses", () => {
    using socket = new NetlinkSocket()
    const names = new Map(listLinks(socket).flatMap((link) => (link.up ? [[link.index, link.name] as const] : [])))
    return listAddresses(socket).flatMap(({ index, address, flags }) => {
      const name = names.get(index)
      return name === undefined || (flags & UNUSABLE) !== 0 ? [] : [{ name, address, scope: scopeOf(address) }]
    })
  })
}
