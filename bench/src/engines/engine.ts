import { PEERS, peerProgram, peerVersion, type ReadyPeer } from '@weft/lab'

/** A WireGuard implementation in userspace that is driven by `wg`. */
export interface Engine {
  readonly name: string
  readonly program: 'weft' | ReadyPeer
  readonly version: string
}

export interface MissingEngine {
  readonly name: string
  readonly missing: string
}

/** `weft wg` first, then whichever of the others are there or can be built. */
export function findEngines(): { readonly engines: readonly Engine[]; readonly missing: MissingEngine[] } {
  const engines: Engine[] = [{ name: 'weft wg', program: 'weft', version: 'this checkout' }]
  const missing: MissingEngine[] = []
  for (const name of PEERS) {
    const program = peerProgram(name, { mayBuild: true })
    if ('missing' in program) missing.push({ name, missing: program.missing })
    else engines.push({ name, program, version: peerVersion(name) })
  }
  return { engines, missing }
}
