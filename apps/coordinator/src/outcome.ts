import type { NetmapRelay } from '@weft/coordinator-protocol'
import type { DeviceRow, RecordRow, RevocationRow } from '@weft/storage'
import type { Joined } from './join.ts'

/** What a transaction has for its caller, and the devices that it changed, all with one number. */
export interface Outcome<T> {
  readonly result: T
  readonly changed: readonly DeviceRow[]
  readonly removed?: readonly RemovedDevice[]
  /** What is known to be revoked from now on. */
  readonly revocations?: readonly RevocationRow[]
  /** All records of the mesh, where they are others than before, and the number of that. */
  readonly records?: { readonly all: readonly RecordRow[]; readonly number: number }
  /** Likewise its relays. */
  readonly relays?: { readonly all: readonly NetmapRelay[]; readonly number: number }
}

export interface RemovedDevice {
  readonly device: DeviceRow
  /** Absent where nobody here could sign one. */
  readonly revocation?: RevocationRow
}

export function outcomeOf(joined: Joined): Outcome<Joined> {
  return { result: joined, changed: joined.changed ? [joined.device] : [] }
}
