import { setTimeout as pause } from 'node:timers/promises'
import type { Clock, IpAddress, Logger } from '@weft/base'
import {
  asksFirst,
  chooseWay,
  type NameServiceSetup,
  type NameServiceState,
  type NameServiceWay,
  type ResolverFacts,
  Takeovers,
  upstreamsIn,
  type WantedNameService,
} from '@weft/dns'
import { KeptAside } from './kept-aside.ts'
import { networkManagerAnswers, networkManagerHas, networkManagerWay } from './network-manager-way.ts'
import { hasOpenresolv, openresolvWay } from './openresolv-way.ts'
import { readResolvConf, writeResolvConf } from './resolv-conf-file.ts'
import { resolvConfWay } from './resolv-conf-way.ts'
import { resolvedAnswers, resolvedWay } from './resolved-way.ts'
import { type RunCommand, runCommand } from './run-command.ts'
import type { SetupWay } from './setup-way.ts'

const RESOLV_CONF = '/etc/resolv.conf'
/** In ms: how often it is looked whether another program changed something. */
const LOOK_EVERY = 2_000
/** Looks between two questions to the tools, which are processes of their own. */
const LOOKS_PER_QUESTION = 8
/** Looks at each of which they are asked, at first and in another network: services start, and a lease comes, a little later. */
const EAGER_LOOKS = 5
/** In ms: NetworkManager has written the file, or leaves it as it is; how often it is looked for that. */
const WRITTEN_WITHIN = 1_000
const WRITTEN_LOOK_EVERY = 50

type SetUpWay = Exclude<NameServiceWay, 'none'>

const NOTHING: NameServiceState = { way: 'none', upstreams: [] }

export interface MachineOptions {
  /** Where what was there is kept aside. */
  readonly stateDirectory: string
  readonly onChange: (state: NameServiceState) => void
  readonly clock: Clock
  readonly logger: Logger
  /** For tests; this machine's by default. */
  readonly run?: RunCommand
  readonly resolvConf?: string
}

/**
 * This machine's resolver set-up. While it is set up it looks at `/etc/resolv.conf`: where another program wrote it and then let it
 * be, that program's text is what will be put back, its nameservers are the upstreams, and weft is set up on top; within limits.
 */
export class MachineNameService implements NameServiceSetup {
  readonly #options: MachineOptions
  readonly #run: RunCommand
  readonly #path: string
  readonly #aside: KeptAside
  readonly #takeovers = new Takeovers()
  readonly #ways: Readonly<Record<SetUpWay, SetupWay>>
  #wanted: WantedNameService | undefined
  #state = NOTHING
  /** Of `/etc/resolv.conf`: as it was after the last set-up, and as the last look found it. */
  #settled: string | undefined
  #lastLook: string | undefined
  #looks = 0
  #eagerLooks = 0
  /** A tool refused, or did not answer yet. */
  #hasFailed = false
  /** NetworkManager left weft's interface alone, or has not taken notice of it yet. */
  #isLeftAlone = false
  #timer: NodeJS.Timeout | undefined
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: MachineOptions) {
    this.#options = options
    this.#run = options.run ?? runCommand
    this.#path = options.resolvConf ?? RESOLV_CONF
    this.#aside = new KeptAside(options.stateDirectory)
    this.#ways = {
      'systemd-resolved': resolvedWay(this.#run),
      networkmanager: networkManagerWay(this.#run),
      openresolv: openresolvWay(this.#run),
      'resolv.conf': resolvConfWay(this.#path, this.#aside),
    }
  }

  apply(wanted: WantedNameService): Promise<NameServiceState> {
    return this.#inTurn(async () => {
      if (this.#wanted !== undefined && this.#wanted.interfaceName !== wanted.interfaceName) await this.#putBack()
      this.#wanted = wanted
      this.#eagerLooks = EAGER_LOOKS
      this.#state = await this.#setUp(wanted)
      this.#timer ??= setInterval(
        () => void this.#inTurn(() => this.#look()).catch(() => undefined),
        LOOK_EVERY,
      ).unref()
      return this.#state
    })
  }

  networkChanged(): void {
    this.#eagerLooks = EAGER_LOOKS
  }

  remove(): Promise<void> {
    return this.#inTurn(async () => {
      clearInterval(this.#timer)
      this.#timer = undefined
      this.#wanted = undefined
      await this.#putBack()
      this.#state = NOTHING
    })
  }

  /** Puts back what an agent that crashed left behind. */
  recover(): Promise<void> {
    return this.#inTurn(() => this.#putBack())
  }

  async #setUp(wanted: WantedNameService): Promise<NameServiceState> {
    this.#hasFailed = false
    this.#isLeftAlone = false
    try {
      const { way, reason } = chooseWay(await this.#facts())
      if (way !== 'none') return await this.#setUpBy(way, wanted)
      await this.#putBack()
      return { way, upstreams: [], ...(reason === undefined ? {} : { reason }) }
    } catch (error) {
      this.#hasFailed = true
      await this.#putBack().catch(() => undefined)
      return { way: 'none', reason: reasonOf(error), upstreams: [] }
    } finally {
      this.#lastLook = readResolvConf(this.#path)?.text
      const kept = this.#aside.read()
      // Who wrote it at the same time is answered at the next look.
      this.#settled = kept?.way === 'resolv.conf' ? kept.written : this.#lastLook
    }
  }

  async #setUpBy(way: SetUpWay, wanted: WantedNameService): Promise<NameServiceState> {
    try {
      return await this.#setUpWith(way, wanted)
    } catch (error) {
      // It was told to leave weft's interface alone: then the file is what there is.
      if (way !== 'networkmanager') throw error
      this.#isLeftAlone = true
      return await this.#setUpWith('resolv.conf', wanted)
    }
  }

  async #setUpWith(way: SetUpWay, wanted: WantedNameService): Promise<NameServiceState> {
    if (this.#aside.read()?.way !== way) await this.#changeTo(way, wanted)
    if (way !== 'resolv.conf') this.#aside.keep({ way, interfaceName: wanted.interfaceName })
    await this.#ways[way].apply(wanted)
    return { way, upstreams: await this.#ways[way].upstreams(wanted) }
  }

  /** What managed the file before writes it once more when weft leaves it; who wrote it since is not to lose by that. */
  async #changeTo(way: SetUpWay, { nameservers }: WantedNameService): Promise<void> {
    const text = readResolvConf(this.#path)?.text
    const isTold = this.#aside.read()?.way === 'networkmanager'
    await this.#putBack()
    if (way !== 'resolv.conf' || text === undefined || asksFirst(text, nameservers)) return
    if (isTold) await this.#untilRewritten(text, nameservers)
    writeResolvConf(this.#path, text)
  }

  /** NetworkManager answers before it writes, and may write of one family first. */
  async #untilRewritten(text: string, nameservers: readonly IpAddress[]): Promise<void> {
    for (let waited = 0; waited < WRITTEN_WITHIN; waited += WRITTEN_LOOK_EVERY) {
      const found = readResolvConf(this.#path)?.text
      if (found !== undefined && found !== text && !asksFirst(found, nameservers)) return
      await pause(WRITTEN_LOOK_EVERY)
    }
  }

  async #putBack(): Promise<void> {
    const kept = this.#aside.read()
    if (kept === undefined) return
    await this.#ways[kept.way].remove(kept.way === 'resolv.conf' ? '' : kept.interfaceName)
    this.#aside.forget()
  }

  async #facts(): Promise<ResolverFacts> {
    const resolvConf = readResolvConf(this.#path)
    const [resolved, networkManager, openresolv] = await Promise.all([
      resolvedAnswers(this.#run),
      networkManagerAnswers(this.#run),
      hasOpenresolv(this.#run),
    ])
    return {
      ...(resolvConf === undefined ? {} : { resolvConf }),
      resolvedAnswers: resolved,
      networkManagerAnswers: networkManager,
      hasOpenresolv: openresolv,
    }
  }

  async #look(): Promise<void> {
    const wanted = this.#wanted
    if (wanted === undefined) return
    const text = readResolvConf(this.#path)?.text
    const isStill = text === this.#lastLook
    this.#lastLook = text
    this.#looks++
    // Who writes it may write it again at once: it is answered when it was let be.
    if (text !== this.#settled && isStill) return this.#onRewritten(wanted, text ?? '')
    if (text !== this.#settled) return
    if (this.#eagerLooks > 0) this.#eagerLooks--
    else if (this.#looks % LOOKS_PER_QUESTION !== 0) return
    await this.#askAgain(wanted)
  }

  async #onRewritten(wanted: WantedNameService, text: string): Promise<void> {
    // A manager that writes a little later than it answers, or somebody who added an option.
    if (this.#state.way !== 'none' && asksFirst(text, wanted.nameservers)) {
      this.#settled = text
      return
    }
    this.#options.logger.info('resolver set up by another program')
    if (this.#takeovers.mayAnswer(this.#options.clock().instant)) {
      this.#tell(await this.#setUp(wanted))
      return
    }
    await this.#putBack()
    this.#settled = text
    this.#tell({
      way: 'none',
      reason: `another program keeps rewriting ${this.#path}, so it is left as it is; see what manages it, then weft down and up`,
      upstreams: upstreamsIn(text, wanted.nameservers),
    })
  }

  /** The upstreams may be others without any file having changed, and with them the domains that are searched. */
  async #askAgain(wanted: WantedNameService): Promise<void> {
    const { way, upstreams } = this.#state
    if (this.#hasFailed) return this.#tell(await this.#setUp(wanted))
    if (this.#isLeftAlone && (await networkManagerHas(this.#run, wanted.interfaceName))) {
      // By what the file was before weft wrote it, it is NetworkManager's.
      await this.#putBack()
      return this.#tell(await this.#setUp(wanted))
    }
    if (way === 'none' || way === 'resolv.conf' || way === 'systemd-resolved') return
    const found = await this.#ways[way].upstreams(wanted)
    if (JSON.stringify(found) !== JSON.stringify(upstreams)) this.#tell(await this.#setUp(wanted))
  }

  #tell(state: NameServiceState): void {
    if (JSON.stringify(state) === JSON.stringify(this.#state)) return
    this.#state = state
    this.#options.onChange(state)
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work)
    this.#turn = turn.catch((error: unknown) =>
      this.#options.logger.warn('resolver not looked after', { reason: reasonOf(error) }),
    )
    return turn
  }
}

/** At the start of an agent, before anything else: what one that crashed had set up is taken back, also where names are not wanted now. */
export async function recoverNameService(options: Omit<MachineOptions, 'onChange'>): Promise<void> {
  await new MachineNameService({ ...options, onChange: () => undefined }).recover()
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
