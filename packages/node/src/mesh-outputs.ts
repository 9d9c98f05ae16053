import type { WallTime } from '@weft/base'
import type { DatapathCommand } from '@weft/datapath'
import type { MeshId } from '@weft/keys'
import type { Emit, Log } from './node-interface.ts'
import type { PeerRoutesHost } from './peer-routes.ts'

/** What the parts of a membership answer, told as of its mesh. */
export interface MeshOutputs extends Pick<PeerRoutesHost, 'sendByRelay' | 'doubtRelay' | 'keepRelays'> {
  command(command: DatapathCommand): void
  saveTimestamp(bound: WallTime): void
  readonly log: Log
}

export function meshOutputs(mesh: MeshId, emit: Emit): MeshOutputs {
  return {
    command: (command) => emit({ kind: 'datapath', command }),
    sendByRelay: (output) => emit({ kind: 'send-by-relay', mesh, ...output }),
    doubtRelay: (relay) => emit({ kind: 'doubt-relay', mesh, relay }),
    keepRelays: (relays) => emit({ kind: 'keep-relays', mesh, relays }),
    saveTimestamp: (bound) => emit({ kind: 'save-timestamp', mesh, bound }),
    log: (level, event, fields) => emit({ kind: 'log', level, event, fields: { mesh, ...fields } }),
  }
}
