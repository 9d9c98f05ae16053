import { parseIp, utf8 } from '@weft/base'
import { MAX_RECORDS, MAX_TEXT_LENGTH, type NetmapRecord, type Params, recordSchema } from '@weft/coordinator-protocol'
import {
  isReservedLabel,
  lookalikeOf,
  readDeviceLabel,
  readDeviceText,
  readLabel,
  refersTo,
  shownName,
} from '@weft/dns'
import { nodeAddress6 } from '@weft/identity'
import type { AccountId, CryptoProvider, PublicKey } from '@weft/keys'
import type { DeviceRow, RecordRow, StoreTransaction } from '@weft/storage'
import { freeName } from './device-name.ts'
import { Refusal } from './refusal.ts'

export const MESH_DOMAIN = 'weft'
const BEHIND = `.${MESH_DOMAIN}`
/** `_acme-challenge`, `_tcp`. */
const SERVICE_LABEL = /^_[a-z0-9](?:[a-z0-9-]{0,60}[a-z0-9])?$/

export interface NamingPlace {
  readonly rootKey: PublicKey<'root'>
  readonly crypto: CryptoProvider
}

/** A device of the account by name, name with the domain, address or id. @throws {Refusal} `not-found`. */
export async function deviceCalled(
  transaction: StoreTransaction,
  account: AccountId,
  text: string,
  { rootKey, crypto }: NamingPlace,
): Promise<DeviceRow> {
  const own = (await transaction.devices()).filter(({ accountId }) => accountId === account)
  const meant = readDeviceText(text, MESH_DOMAIN)
  const found =
    meant &&
    own.find(({ id, name, address4, identityKey }) => {
      const addresses = meant.kind === 'address' ? [address4, nodeAddress6(rootKey, identityKey, crypto)] : []
      return refersTo(meant, { id, name, addresses })
    })
  if (found === undefined) throw new Refusal('not-found', `there is no device ${text}; see weft status`)
  return found
}

/** The device with its new name, not yet written. @throws {Refusal} `name-refused` or `name-taken`. */
export async function renamed(transaction: StoreTransaction, device: DeviceRow, text: string): Promise<DeviceRow> {
  const read = readDeviceLabel(text)
  if (read.kind === 'refused') throw new Refusal('name-refused', `${text} is no name for a device: ${read.why}`)
  const { ascii } = read
  const others = (await transaction.names()).filter((each) => each !== device.name)
  const used = [...others, ...topLabels(await transaction.records())]
  if (used.includes(ascii))
    throw new Refusal(
      'name-taken',
      `${text} is taken; ${shownName(freeName(ascii, used))} is free, or rename the other one first`,
    )
  const like = lookalikeOf(ascii, used)
  if (like !== undefined)
    throw new Refusal(
      'name-refused',
      `${text} could be taken for ${shownName(like)}, which is there already: take another name`,
    )
  return { ...device, name: ascii }
}

/** The record that is meant, not yet written; `undefined` where it is there already. @throws {Refusal} */
export async function newRecord(
  transaction: StoreTransaction,
  { name: text, type, value: given }: Params<'name-add'>,
): Promise<{ readonly record: NetmapRecord; readonly isNew: boolean }> {
  const name = recordNameOf(text)
  const parsed = recordSchema.safeParse({ name, type, value: readValue(type, given) })
  if (!parsed.success) throw new Refusal('name-refused', `${given} is no ${type} value: ${WANTED[type]}`)
  const record = parsed.data
  const records = await transaction.records()
  if (records.some((each) => each.name === name && each.type === type && each.value === record.value))
    return { record, isNew: false }
  if (records.length >= MAX_RECORDS) throw new Refusal('busy', `there are ${MAX_RECORDS} records: remove some first`)
  await requireFree(transaction, name)
  const there = records.filter((each) => each.name === name)
  const isAlias = (type === 'CNAME' && there.length > 0) || there.some((each) => each.type === 'CNAME')
  if (isAlias)
    throw new Refusal(
      'name-taken',
      `${name}${BEHIND} has other records, and an alias (CNAME) stands alone: remove the others first`,
    )
  return { record, isNew: true }
}

/** Without the domain, in the letters of the wire. @throws {Refusal} `name-refused`. */
function recordNameOf(text: string): string {
  const whole = text.toLowerCase().replace(/\.$/, '')
  if (whole === MESH_DOMAIN) throw new Refusal('name-refused', `${text} is the mesh itself: name something below it`)
  if (whole.includes('.') && !whole.endsWith(BEHIND))
    throw new Refusal('name-refused', `${text} is not the mesh's to give: its names end in ${BEHIND}, as git${BEHIND}`)
  return hostOf(text, withoutDomain(whole))
}

/** All of the name, or those of the type, or of the value, too. @throws {Refusal} `not-found`. */
export async function removeRecords(
  transaction: StoreTransaction,
  { name: text, type, value }: Params<'name-remove'>,
): Promise<RecordRow[]> {
  const name = recordNameOf(text)
  const found = (await transaction.records()).filter(
    (each) => each.name === name && (type ?? each.type) === each.type && (value ?? each.value) === each.value,
  )
  if (found.length === 0) throw new Refusal('not-found', `there is no such record of ${text}; see weft names list`)
  for (const each of found) await transaction.removeRecord(each)
  return found
}

/** The last labels of the records' names: no device is called so. */
export const topLabels = (records: readonly { readonly name: string }[]): readonly string[] =>
  records.map(({ name }) => name.slice(name.lastIndexOf('.') + 1))

const WANTED = {
  A: 'an IPv4 address is wanted, as 100.64.0.7',
  AAAA: 'an IPv6 address is wanted, as fd00::7',
  CNAME: 'a whole name is wanted, as nas.weft or example.com',
  TXT: `one line of at most ${MAX_TEXT_LENGTH} bytes is wanted`,
} as const

function readValue(type: NetmapRecord['type'], text: string): string | undefined {
  if (type === 'A' || type === 'AAAA') return parseIp(text)
  if (type === 'TXT') return utf8(text).length > MAX_TEXT_LENGTH ? undefined : text
  return hostOf(text, text.toLowerCase().replace(/\.$/, ''))
}

function hostOf(text: string, name: string): string {
  return name
    .split('.')
    .map((label) => {
      if (SERVICE_LABEL.test(label)) return label
      const read = readLabel(label)
      if (read.kind === 'refused') throw new Refusal('name-refused', `${text} is no name: ${read.why}`)
      return read.ascii
    })
    .join('.')
}

/** A device's name, and whatever is below it, is the device. */
async function requireFree(transaction: StoreTransaction, name: string): Promise<void> {
  const top = name.slice(name.lastIndexOf('.') + 1)
  if (isReservedLabel(top)) throw new Refusal('name-refused', `${top}${BEHIND} means something else; take another name`)
  const devices = await transaction.names()
  if (devices.includes(top))
    throw new Refusal('name-taken', `${top}${BEHIND} is a device, and what is below it is that device; rename it first`)
  const like = lookalikeOf(top, devices)
  if (like !== undefined)
    throw new Refusal(
      'name-refused',
      `${top}${BEHIND} could be taken for the device ${shownName(like)}: take another name`,
    )
}

function withoutDomain(name: string): string {
  return name.endsWith(BEHIND) ? name.slice(0, -BEHIND.length) : name
}
