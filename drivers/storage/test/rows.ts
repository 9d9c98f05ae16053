import type { AccountId, NodeId } from '@weft/keys'
import type { AccountRow, DeviceRow, LinkRow, MeshRow } from '../src/index.ts'

export const someMesh = {
  id: '00112233445566778899aabbccddeeff',
  rootKey: 'root',
  addressRange: '100.100.64.0/18',
  epoch: 'e',
  number: 1,
  wholeSince: 0,
  created: 1_000,
  copied: undefined,
} as MeshRow

export const someAccount: AccountRow = {
  id: 'a1' as AccountId,
  name: 'owner',
  certificate: Uint8Array.of(1, 2, 3),
  created: 1_000,
}

export function someDevice(number: number): DeviceRow {
  return {
    id: `d${number}` as NodeId,
    accountId: someAccount.id,
    identityKey: `identity${number}`,
    nodeKey: `node${number}`,
    channelKey: `channel${number}`,
    record: new Uint8Array(1385).fill(number),
    chain: Uint8Array.of(0, number),
    name: `device-${number}`,
    address4: `100.100.64.${number}`,
    endpoints: ['192.0.2.1:7481', '[2001:db8::1]:7481'],
    noted: undefined,
    online: false,
    created: 1_000 + number,
    changed: number,
  } as unknown as DeviceRow
}

export function someLink(id: string, fields: Partial<LinkRow> = {}): LinkRow {
  return {
    id,
    keyHash: `hash of ${id}`,
    accountId: someAccount.id,
    certificate: Uint8Array.of(9),
    reusable: false,
    tags: ['server'],
    printedAtStart: false,
    created: 1_000,
    expires: 2_000,
    revoked: undefined,
    uses: 0,
    ...fields,
  }
}
