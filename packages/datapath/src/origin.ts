import { endpointBytes, utf8 } from '@weft/base'
import type { Path } from './datapath.ts'

/** What stands for where a datagram came from in cookies and limits: address and port, or the relay. */
export function originOf(path: Path): Uint8Array {
  return path.kind === 'direct' ? endpointBytes(path.remote) : utf8(path.relay)
}
