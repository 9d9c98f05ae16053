import type { Endpoint, IpAddress, Prefix } from '@weft/base'
import type { CryptoProvider } from '@weft/keys'
import type { DeviceRow, StoreTransaction } from '@weft/storage'
import { acceptRecord, type Joined, replaceRecord } from './join.ts'
import { notedEndpoint, usableEndpoints } from './published-endpoints.ts'

export interface PublishPlace {
  /** The mesh's own prefixes: no underlay endpoint lies in them. */
  readonly prefixes: readonly Prefix[]
  readonly crypto: CryptoProvider
  /** Where the device's channel comes from. */
  readonly source: IpAddress | undefined
}

/**
 * What a device tells of itself: its endpoints, and a newer record where it has one.
 * @throws {Refusal} `record-refused`; nothing is changed.
 */
export async function publish(
  transaction: StoreTransaction,
  device: DeviceRow,
  news: { readonly endpoints: readonly Endpoint[]; readonly record: Uint8Array | undefined },
  place: PublishPlace,
): Promise<Joined> {
  const { prefixes, crypto, source } = place
  const replaced: Joined =
    news.record === undefined
      ? { device, changed: false }
      : await replaceRecord(transaction, device, acceptRecord(news.record, crypto), crypto)
  const endpoints = usableEndpoints(news.endpoints, prefixes)
  const noted = notedEndpoint(source, news.endpoints, prefixes)
  return moved(transaction, replaced, endpoints, noted)
}

/** A device's channel comes from somewhere, perhaps from elsewhere than before. */
export function noteSource(transaction: StoreTransaction, device: DeviceRow, place: PublishPlace): Promise<Joined> {
  return moved(transaction, { device, changed: false }, device.endpoints, notedOf(device, place))
}

/** The endpoint to be noted of a device whose channel comes from there. */
export function notedOf({ endpoints, noted }: DeviceRow, place: PublishPlace): Endpoint | undefined {
  return notedEndpoint(place.source, noted === undefined ? endpoints : [...endpoints, noted], place.prefixes)
}

async function moved(
  transaction: StoreTransaction,
  { device, changed }: Joined,
  endpoints: readonly Endpoint[],
  noted: Endpoint | undefined,
): Promise<Joined> {
  if (noted === device.noted && endpoints.join() === device.endpoints.join()) return { device, changed }
  const number = changed ? device.changed : await transaction.nextNumber()
  const next: DeviceRow = { ...device, endpoints, noted, changed: number }
  await transaction.updateDevice(next)
  return { device: next, changed: true }
}
