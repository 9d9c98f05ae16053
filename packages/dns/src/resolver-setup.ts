import type { Endpoint, IpAddress, Prefix } from '@weft/base'

/** What the machine's resolver is to do while weft is up. */
export interface WantedNameService {
  /** The interface whose packets reach the mesh's resolver. */
  readonly interfaceName: string
  /** The interface's own, `100.64.0.2/32`. */
  readonly addresses: readonly Prefix[]
  /** The mesh's resolver; port 53. */
  readonly nameservers: readonly IpAddress[]
  /** Names below it are the mesh's, and a name without a dot is looked for in it: `weft`. */
  readonly searchDomain: string
  /** Domains besides that are the mesh's alone: those of its reverse names, `64.100.in-addr.arpa`. */
  readonly reverseDomains: readonly string[]
}

/** How the machine's resolver was told; `none`: it was not, and `reason` says why. */
export type NameServiceWay = 'systemd-resolved' | 'networkmanager' | 'openresolv' | 'resolv.conf' | 'none'

/** A resolver that answered for this machine before weft was up. */
export interface UpstreamResolver {
  readonly endpoint: Endpoint
  /** Questions leave by this interface; absent: as the machine routes. */
  readonly interfaceName?: string
}

export interface NameServiceState {
  readonly way: NameServiceWay
  /** For people, where there is something to say: why no way was taken, or that another program has taken over. */
  readonly reason?: string
  /**
   * Whom to ask for names that are not the mesh's, the best first. Empty where the machine asks the mesh's resolver for
   * the mesh's names only. Never the mesh's resolver itself.
   */
  readonly upstreams: readonly UpstreamResolver[]
}

/** The machine's resolver set-up, whichever it is. */
export interface NameServiceSetup {
  /** Sets up, or changes what was set up. Resolves also where no way is there: then the state's way is `none`. */
  apply(wanted: WantedNameService): Promise<NameServiceState>
  /** The machine is in another network, where other resolvers may answer. */
  networkChanged(): void
  /** Puts back what was there. Harmless when nothing was set up. */
  remove(): Promise<void>
}

/** @param onChange the state is another one than `apply` answered, or than was told last. */
export type OpenNameServiceSetup = (options: {
  readonly onChange: (state: NameServiceState) => void
}) => NameServiceSetup
