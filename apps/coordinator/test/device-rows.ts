import type { Endpoint, IpAddress, Prefix } from '@weft/base'
import type { AccountId, MeshId, NodeId, PublicKey } from '@weft/keys'
import type { AccountRow, DeviceRow, MeshRow } from '@weft/storage'
import { type MeshState, meshStateOf } from '../src/mesh-state.ts'

const account = (letter: string) => letter.repeat(32) as AccountId

export const nodeOf = (number: number): NodeId => number.toString(16).padStart(32, '0') as NodeId

/** A device of account `a`, or of another. */
export function someDevice(number: number, fields: Partial<DeviceRow> = {}): DeviceRow {
  return {
    id: nodeOf(number),
    accountId: account('a'),
    identityKey: `identity ${number}` as PublicKey<'identity'>,
    nodeKey: `node ${number}` as PublicKey<'node'>,
    channelKey: `channel ${number}` as PublicKey<'channel'>,
    record: new Uint8Array(1385),
    chain: Uint8Array.of(1),
    name: `n${number}`,
    address4: `100.64.${number >> 8}.${number & 0xff}` as IpAddress,
    endpoints: [] as Endpoint[],
    noted: undefined,
    online: false,
    created: 0,
    changed: 1,
    ...fields,
  }
}

export const ofOtherAccount = { accountId: account('b') }

export function someState(number: number, devices: readonly DeviceRow[]): MeshState {
  const mesh: MeshRow = {
    id: '0'.repeat(32) as MeshId,
    rootKey: btoa('r'.repeat(32)) as PublicKey<'root'>,
    addressRange: '100.64.0.0/18' as Prefix,
    epoch: 'e1',
    copied: undefined,
    number,
    wholeSince: 0,
    created: 0,
  }
  const accounts: AccountRow[] = ['a', 'b'].map((letter) => ({
    id: account(letter),
    name: `owner ${letter}`,
    certificate: new Uint8Array(),
    created: 0,
  }))
  return meshStateOf(mesh, accounts, devices)
}
