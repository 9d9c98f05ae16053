import type { UpstreamResolver, WantedNameService } from '@weft/dns'

/** One way to tell the machine's resolver. All reject with an `Error` that tells why. */
export interface SetupWay {
  /** Tells it; also anew, after another program changed something. */
  apply(wanted: WantedNameService): Promise<void>
  /** Who answers for names that are not the mesh's; none where the mesh's resolver is not asked for them. */
  upstreams(wanted: WantedNameService): Promise<readonly UpstreamResolver[]>
  /** As if weft had never been there. Harmless when it never was. */
  remove(interfaceName: string): Promise<void>
}
