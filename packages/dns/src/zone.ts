import { familyOf, type IpAddress, type Prefix, utf8 } from '@weft/base'
import { MESH_TTL, RCODE, TYPE } from './constants.ts'
import type { RecordData, Reply, ResourceRecord } from './reply.ts'
import { resolverHost } from './resolver-address.ts'
import { ReverseNames } from './reverse.ts'

/** One device, as the netmap names it. */
export interface NamedDevice {
  readonly name: string
  readonly addresses: readonly IpAddress[]
}

/** A record that the mesh's owner added. Its name is without the domain: `git`, `a.b`. */
export interface MeshRecord {
  readonly name: string
  readonly type: 'A' | 'AAAA' | 'CNAME' | 'TXT'
  /** An address, a whole name without its last dot, or a text. */
  readonly value: string
}

/** All names of one mesh at one moment. */
export interface MeshNames {
  /** `weft`. */
  readonly domain: string
  /** IPv4 and IPv6: whose reverse names are the mesh's. */
  readonly prefixes: readonly Prefix[]
  /** This machine's own: whoever asks from another is not answered. */
  readonly ownAddresses: readonly IpAddress[]
  /** Where the mesh's resolver is. */
  readonly resolvers: readonly IpAddress[]
  /** Of the netmap. */
  readonly serial: number
  /** This one and its peers. */
  readonly devices: readonly NamedDevice[]
  readonly records: readonly MeshRecord[]
}

/** An answer, or one that goes on outside of the mesh: `external` is asked elsewhere, and follows. */
export type ZoneAnswer = Reply & { readonly external?: string }

type Node = RecordData[]

/** Bytes of a text: one string of RFC 1035 §3.3. */
const MAX_TEXT = 255
/** Of CNAMEs in one answer; more are a circle, or as good as one. */
const MAX_CHAIN = 8
/** Seconds. */
const TIMES = { refresh: 3600, retry: 600, expire: 86_400, minimum: MESH_TTL } as const

/**
 * Answers for the names of one mesh as an authoritative server would: RFC 1034 §4.3.2 for the domain, where whatever is
 * below a device's name is that device (a wildcard, RFC 4592), and the reverse names of the mesh's addresses.
 */
export class MeshZone {
  readonly names: MeshNames
  readonly #nodes = new Map<string, Node>()
  readonly #reverse: ReverseNames

  constructor(names: MeshNames) {
    this.names = names
    this.#addApex()
    for (const { name, addresses } of names.devices) this.#addDevice(name, addresses)
    for (const record of names.records) this.#addRecord(record)
    this.#reverse = new ReverseNames(names)
  }

  /** The answer, or `undefined` where the name is none of the mesh's. */
  answer(labels: readonly string[], type: number): ZoneAnswer | undefined {
    const name = labels.join('.')
    if (isBelow(name, this.names.domain)) return this.#forward(name, type)
    const found = this.#reverse.find(labels)
    if (found === undefined) return undefined
    const soa = this.#soa(found.apex)
    if (found.kind === 'missing') return { rcode: RCODE.NXDOMAIN, isAuthoritative: true, authorities: [soa] }
    const apexRecords: readonly RecordData[] = name === found.apex ? this.#apexRecords() : []
    const ofName = found.kind === 'host' ? [{ type: 'PTR', data: this.#full(found.host) } as const] : apexRecords
    return this.#answered(matching(ofName, type), soa)
  }

  #forward(asked: string, type: number): ZoneAnswer {
    const soa = this.#soa(this.names.domain)
    const answers: ResourceRecord[] = []
    let name = asked
    for (let length = 0; length <= MAX_CHAIN; length++) {
      const node = this.#find(name)
      if (node === undefined) return { rcode: RCODE.NXDOMAIN, isAuthoritative: true, answers, authorities: [soa] }
      const alias = node.find((each) => each.type === 'CNAME')
      const owner = length === 0 ? {} : { owner: name }
      if (alias?.type !== 'CNAME' || type === TYPE.CNAME || type === TYPE.ANY)
        return this.#answered(
          [...answers, ...matching(node, type).map((each) => ({ ...each, ...owner }))],
          soa,
          answers,
        )
      answers.push({ ...alias, ...owner })
      name = alias.data
      if (!isBelow(name, this.names.domain))
        return { rcode: RCODE.NOERROR, isAuthoritative: true, answers, external: name }
    }
    return { rcode: RCODE.SERVFAIL }
  }

  /** Where only the way to a name is there, and nothing at it, the SOA says for how long. */
  #answered(answers: readonly ResourceRecord[], soa: ResourceRecord, way: readonly ResourceRecord[] = []): Reply {
    const authorities = answers.length === way.length ? [soa] : []
    return { rcode: RCODE.NOERROR, isAuthoritative: true, answers, authorities }
  }

  /** What is at the name, or at the wildcard that stands for it. */
  #find(name: string): Node | undefined {
    const node = this.#nodes.get(name)
    if (node !== undefined) return node
    for (let at = name.indexOf('.'); at >= 0; at = name.indexOf('.', at + 1)) {
      const encloser = name.slice(at + 1)
      if (this.#nodes.has(encloser)) return this.#nodes.get(`*.${encloser}`)
    }
    return undefined
  }

  #addApex(): void {
    const { domain, resolvers } = this.names
    this.#put(domain, ...this.#apexRecords())
    this.#put(resolverHost(domain), ...resolvers.map(addressRecord))
  }

  #apexRecords(): readonly RecordData[] {
    const { type, data } = this.#soa('') as Extract<RecordData, { type: 'SOA' }>
    return [
      { type, data },
      { type: 'NS', data: resolverHost(this.names.domain) },
    ]
  }

  /** The first to have a name keeps it. */
  #addDevice(name: string, addresses: readonly IpAddress[]): void {
    const full = this.#full(name)
    if (this.#nodes.has(full)) return
    const records = addresses.map(addressRecord)
    this.#put(full, ...records)
    this.#put(`*.${full}`, ...records)
  }

  /** What does not fit a device, or an alias, is left out: the coordinator refuses such, and one that does not is in error. */
  #addRecord({ name, type, value }: MeshRecord): void {
    const full = this.#full(name)
    const there = this.#nodes.get(full) ?? []
    // The library would not write a longer one.
    const isTooLong = type === 'TXT' && utf8(value).length > MAX_TEXT
    const isTaken = this.#nodes.has(`*.${full}`) || full === resolverHost(this.names.domain)
    const isAlias = type === 'CNAME' ? there.length > 0 : there.some((each) => each.type === 'CNAME')
    if (!isTaken && !isAlias && !isTooLong) this.#put(full, { type, data: value })
  }

  /** The names between it and the domain are there, too, with nothing at them. */
  #put(name: string, ...records: readonly RecordData[]): void {
    const node = this.#nodes.get(name) ?? []
    this.#nodes.set(name, [...node, ...records])
    const dot = name.indexOf('.')
    const parent = name.slice(dot + 1)
    if (dot >= 0 && !this.#nodes.has(parent) && isBelow(parent, this.names.domain)) this.#put(parent)
  }

  #full(name: string): string {
    return `${name}.${this.names.domain}`
  }

  #soa(owner: string): ResourceRecord {
    const { domain, serial } = this.names
    const data = { mname: resolverHost(domain), rname: `hostmaster.${domain}`, serial: serial >>> 0, ...TIMES }
    return { owner, type: 'SOA', data }
  }
}

const isBelow = (name: string, domain: string): boolean => name === domain || name.endsWith(`.${domain}`)

const addressRecord = (address: IpAddress): RecordData => ({
  type: familyOf(address) === 4 ? 'A' : 'AAAA',
  data: address,
})

function matching(node: readonly RecordData[], type: number): readonly RecordData[] {
  if (type === TYPE.ANY) return node
  return node.filter((each) => TYPE[each.type] === type)
}
