import { assertNever } from '@weft/base'
import { type NetmapRecord, type Params, REVOKED_TOLD_SINCE, type Result } from '@weft/coordinator-protocol'
import type { AccountId } from '@weft/keys'
import type { Coordinator } from './coordinator.ts'
import { MESH_DOMAIN } from './mesh-names.ts'

type NamingMethod = 'rename' | 'remove' | 'name-add' | 'name-list' | 'name-remove'

type NamingRequest = {
  [M in NamingMethod]: { readonly id: number; readonly method: M; readonly params: Params<M> }
}[NamingMethod]

type NamingResult = Result<NamingMethod>

/** What is asked of devices' names and of the mesh's records, answered as text for the channel. */
export async function answerNaming(
  coordinator: Coordinator,
  { account, version }: { readonly account: AccountId; readonly version: number },
  request: NamingRequest,
): Promise<string> {
  const result = await naming(coordinator, account, request)
  return JSON.stringify({ type: 'answer', id: request.id, result: inVersion(version, result) })
}

function inVersion(version: number, result: NamingResult): NamingResult {
  if (version >= REVOKED_TOLD_SINCE || !('revoked' in result)) return result
  const { revoked: _revoked, ...rest } = result
  return rest
}

/** The same for the control socket. */
export async function naming(
  coordinator: Coordinator,
  account: AccountId,
  request: Omit<NamingRequest, 'id'>,
): Promise<NamingResult> {
  const { method, params } = request as NamingRequest
  switch (method) {
    case 'rename': {
      const { before, after } = await coordinator.renameDevice(account, params.device, params.name)
      return { id: after.id, name: after.name, before: before.name }
    }
    case 'remove': {
      const { device, isRevoked } = await coordinator.removeDevice(account, params.device)
      return { id: device.id, name: device.name, revoked: isRevoked }
    }
    case 'name-add':
      return { record: await coordinator.addRecord(account, params) }
    case 'name-list':
      return { domain: MESH_DOMAIN, records: coordinator.state.records }
    case 'name-remove':
      return { records: (await coordinator.removeRecords(account, params)) as NetmapRecord[] }
    default:
      return assertNever(method)
  }
}
