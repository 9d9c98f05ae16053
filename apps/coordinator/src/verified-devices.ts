import type { WallTime } from '@weft/base'
import { IdentityError, readRecord, verifyChain } from '@weft/identity'
import type { CryptoProvider, MeshId } from '@weft/keys'
import type { DeviceRow, LeaveOut } from '@weft/storage'

/** The devices whose record and chain hold now. The others stay in the database and out of every netmap. */
export function verifiedDevices(
  devices: readonly DeviceRow[],
  place: { readonly mesh: MeshId; readonly at: WallTime; readonly crypto: CryptoProvider },
  leaveOut: LeaveOut,
): readonly DeviceRow[] {
  return devices.filter((device) => {
    const reason = faultOf(device, place)
    if (reason !== undefined) leaveOut({ table: 'devices', row: device.id, reason })
    return reason === undefined
  })
}

function faultOf(
  device: DeviceRow,
  { mesh, at, crypto }: { readonly mesh: MeshId; readonly at: WallTime; readonly crypto: CryptoProvider },
): string | undefined {
  try {
    const record = readRecord(device.record, crypto)
    const { identityKey, account } = verifyChain({ chain: device.chain, mesh, at, crypto })
    const isItsOwn =
      record.nodeId === device.id &&
      record.identityKey === identityKey &&
      record.identityKey === device.identityKey &&
      record.nodeKey === device.nodeKey &&
      record.channelKey === device.channelKey &&
      account === device.accountId
    return isItsOwn ? undefined : 'record-foreign'
  } catch (error) {
    if (error instanceof IdentityError) return error.code
    throw error
  }
}
