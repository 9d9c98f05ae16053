import { type Clock, CoreRunner, familyOf, type IpAddress, type Logger, type Prefix } from '@weft/base'
import { systemRandom } from '@weft/crypto'
import {
  type MeshNames,
  type NameDirectory,
  type NameServiceSetup,
  type NameServiceState,
  type OpenNameServiceSetup,
  Resolver,
  type ResolverInput,
  type ResolverOutput,
  reverseDomains,
} from '@weft/dns'
import { DnsClient } from '@weft/dns-client'
import { systemAlarm } from '@weft/linux'
import { messageOf } from './agent-error.ts'

/** What `weft status` says of names. */
export interface NameServiceStatus {
  readonly domain: string
  readonly resolvers: readonly string[]
  /** How this machine's own resolver was told; `none`: names work for who asks the mesh's resolver by itself. */
  readonly way: NameServiceState['way']
  readonly reason?: string
}

const NOT_SET_UP: NameServiceState = { way: 'none', upstreams: [] }

/** The mesh's resolver at work: packets of this machine, sockets to other resolvers, and the machine's own resolver set-up. */
export class NameService {
  readonly #directory: NameDirectory
  readonly #logger: Logger
  readonly #runner: CoreRunner<ResolverInput, ResolverOutput>
  readonly #alarm = systemAlarm()
  readonly #client: DnsClient
  readonly #setup: NameServiceSetup | undefined
  #state = NOT_SET_UP
  #addresses: readonly Prefix[] = []
  #wanted = ''
  #turn: Promise<void> = Promise.resolve()
  #isClosed = false

  constructor(options: {
    readonly directory: NameDirectory
    /** To this machine, through the packet port. */
    readonly deliver: (packet: Uint8Array) => void
    /** Absent: the machine's resolver is left alone. */
    readonly openSetup: OpenNameServiceSetup | undefined
    readonly clock: Clock
    readonly logger: Logger
  }) {
    this.#directory = options.directory
    this.#logger = options.logger
    this.#client = new DnsClient({
      onAnswer: (ask, message) => this.#tell({ kind: 'upstream-answer', ask, message }),
      onFailed: (ask) => this.#tell({ kind: 'upstream-failed', ask }),
    })
    this.#runner = new CoreRunner<ResolverInput, ResolverOutput>({
      core: new Resolver({ directory: options.directory, random: systemRandom }),
      clock: options.clock,
      alarm: this.#alarm,
      act: (output) => {
        if (output.kind === 'packet') options.deliver(output.packet)
        else if (output.kind === 'ask') this.#client.ask(output)
        else this.#client.forget(output.ask)
      },
    })
    this.#setup = options.openSetup?.({ onChange: (state) => this.#onState(state) })
  }

  onPacket(packet: Uint8Array): void {
    this.#tell({ kind: 'packet', packet })
  }

  /**
   * The interface has its addresses: the machine's resolver is told whom to ask, where that is not what it was
   * told last. A program that is told of an address which it cannot reach waits for it in vain.
   */
  configured(interfaceName: string, addresses: readonly Prefix[]): void {
    this.#addresses = addresses
    const [names] = this.#directory.names()
    if (names === undefined || this.#setup === undefined || this.#isClosed) return
    const wanted = {
      interfaceName,
      addresses,
      nameservers: this.#reachable(names),
      searchDomain: names.domain,
      reverseDomains: reverseDomains(names.prefixes),
    }
    const text = JSON.stringify(wanted)
    if (text === this.#wanted) return
    this.#wanted = text
    this.#inTurn(async (setup) => this.#onState(await setup.apply(wanted)))
  }

  networkChanged(): void {
    this.#setup?.networkChanged()
  }

  status(): NameServiceStatus | null {
    const [names] = this.#directory.names()
    if (names === undefined) return null
    const { way, reason } = this.#state
    return { domain: names.domain, resolvers: this.#reachable(names), way, ...(reason === undefined ? {} : { reason }) }
  }

  /** Puts the machine's resolver back as it was. */
  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true
      this.#alarm.set(undefined, () => undefined)
      this.#client.close()
      this.#inTurn((setup) => setup.remove())
    }
    await this.#turn
  }

  #reachable({ resolvers }: MeshNames): readonly IpAddress[] {
    return resolvers.filter((resolver) => this.#addresses.some((own) => familyOf(own) === familyOf(resolver)))
  }

  #tell(input: ResolverInput): void {
    if (!this.#isClosed) this.#runner.tell(input)
  }

  #onState(state: NameServiceState): void {
    if (state.way !== this.#state.way || state.reason !== this.#state.reason)
      this.#logger.info('name service', {
        way: state.way,
        ...(state.reason === undefined ? {} : { reason: state.reason }),
      })
    this.#state = state
    this.#tell({ kind: 'upstreams', upstreams: state.upstreams })
  }

  /** One after the other. What fails leaves names to those who ask the mesh's resolver by themselves. */
  #inTurn(work: (setup: NameServiceSetup) => Promise<void>): void {
    const setup = this.#setup
    if (setup === undefined) return
    this.#turn = this.#turn
      .then(() => work(setup))
      .catch((error: unknown) => this.#onState({ way: 'none', reason: messageOf(error), upstreams: [] }))
  }
}
