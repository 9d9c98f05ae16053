import { assertNever } from '@weft/base'
import type { Method, NetmapRecord, Params, Result } from '@weft/coordinator-protocol'
import type { AccountId } from '@weft/keys'
import type { Coordinator } from './coordinator.ts'
import { MESH_DOMAIN } from './mesh-names.ts'

type NamingMethod = 'rename' | 'remove' | 'name-add' | 'name-list' | 'name-remove'

type NamingRequest = {
  [M in NamingMethod]: { readonly id: number; readonly method: M; readonly params: Params<M> }
}[NamingMethod]

/** What is asked of devices' names and of the mesh's records, answered as text for the channel. */
export async function answerNaming(
  coordinator: Coordinator,
  account: AccountId,
  request: NamingRequest,
): Promise<string> {
  return JSON.stringify({ type: 'answer', id: request.id, result: await naming(coordinator, account, request) })
}

/** The same for the control socket. */
export async function naming(
  coordinator: Coordinator,
  account: AccountId,
  request: Omit<NamingRequest, 'id'>,
): Promise<Result<Extract<Method, NamingMethod>>> {
  const { method, params } = request as NamingRequest
  switch (method) {
    case 'rename': {
      const { before, after } = await coordinator.renameDevice(account, params.device, params.name)
      return { id: after.id, name: after.name, before: before.name }
    }
    case 'remove': {
      const { id, name } = await coordinator.removeDevice(account, params.device)
      return { id, name }
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
