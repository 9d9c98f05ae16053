import { EventEmitter } from 'node:events'
import { copyFileSync, cpSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  type Alarm,
  type Clock,
  type Endpoint,
  type Instant,
  type IpAddress,
  invariant,
  silentLogger,
} from '@weft/base'
import { ChannelResponder, netmapParts } from '@weft/coordinator-protocol'
import { nativeCrypto as crypto } from '@weft/crypto'
import type { SeededRandom } from '@weft/testing'
import type { WebSocket } from 'ws'
import { ChannelConnection } from '../../src/channel-connection.ts'
import { type ChannelIdentity, dailyChannelIdentity } from '../../src/channel-identity.ts'
import { defaultLimits } from '../../src/channel-server.ts'
import { Coordinator } from '../../src/coordinator.ts'
import { Counters } from '../../src/counters.ts'
import { secondsOf } from '../../src/join.ts'
import { Knocks } from '../../src/knocks.ts'
import { type MeshFiles, openMeshFiles } from '../../src/mesh-files.ts'
import { MeshRelays } from '../../src/mesh-relays.ts'
import { RelayVisits } from '../../src/relay-visits.ts'
import { RequestDesk } from '../../src/request-desk.ts'
import { firstState } from '../../src/start-coordinator.ts'

export const COORDINATOR = '192.0.2.250:7480' as Endpoint

/** The coordinator's end of a WebSocket, as `ws` would have it. */
export class SimulatedSocket extends EventEmitter {
  readonly bufferedAmount = 0
  readonly #onFrame: (frame: Uint8Array) => void
  readonly #onClosing: () => void

  constructor(onFrame: (frame: Uint8Array) => void, onClosing: () => void) {
    super()
    this.#onFrame = onFrame
    this.#onClosing = onClosing
  }

  send(frame: Uint8Array): void {
    this.#onFrame(frame)
  }

  close(): void {
    this.#onClosing()
  }

  terminate(): void {
    this.#onClosing()
  }
}

interface Place {
  readonly directory: string
  readonly clock: Clock
  readonly random: SeededRandom
}

/** All of a coordinator but its sockets, on a clock that is told. */
export class SimulatedCoordinator {
  readonly directory: string
  readonly core: Coordinator
  readonly #place: Place
  readonly #files: MeshFiles
  readonly #desk: RequestDesk
  readonly #connections = new Map<number, ChannelConnection>()
  readonly #alarm = new ToldAlarm()
  readonly #identity: () => ChannelIdentity
  #lastNumber = 0

  private constructor(place: Place, files: MeshFiles, state: Coordinator['state']) {
    const { clock, random } = place
    this.#place = place
    this.directory = place.directory
    this.#files = files
    this.core = new Coordinator({
      files,
      state,
      tell: ({ subscribers, version, message }) => {
        const parts = netmapParts(message, version)
        for (const subscriber of subscribers) this.#connections.get(subscriber)?.tell(parts)
      },
      onRekeyed: (node) => this.#desk.onRekeyed(node),
      disconnect: (node, revocation) => this.#desk.disconnect(node, revocation),
      crypto,
      random,
      clock,
      logger: silentLogger,
      returning: defaultLimits.returning,
      alarm: this.#alarm,
    })
    const seconds = () => secondsOf(clock().wall)
    const knocks = new Knocks({ port: { port: 7480, isHttps: false }, random, logger: silentLogger })
    const relays = new MeshRelays({
      coordinator: this.core,
      coordinatorKey: files.coordinatorKey.publicKey(crypto),
      visits: new RelayVisits({ ...files, onCaller: () => undefined, knocks, clock, logger: silentLogger }),
      beside: [],
      added: [],
      seconds,
    })
    this.#desk = new RequestDesk({ coordinator: this.core, relays, endpoints: () => [], seconds, logger: silentLogger })
    this.#identity = dailyChannelIdentity({ ...files, crypto, random, clock })
  }

  static async start(place: Place): Promise<SimulatedCoordinator> {
    const { directory, clock, random } = place
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    const files = await openMeshFiles({ directory, range: undefined, crypto, random, at: secondsOf(clock().wall) })
    return new SimulatedCoordinator(place, files, await firstState(files, { clock, logger: silentLogger }, []))
  }

  async link(): Promise<string> {
    const wish = {
      account: this.core.firstAccount,
      reusable: false,
      expiresSeconds: 864_000,
      tags: [],
      printedAtStart: false,
    }
    return (await this.core.links.create(wish, [{ kind: 'endpoint', endpoint: COORDINATOR }])).text
  }

  accept(socket: SimulatedSocket, source: IpAddress): void {
    const { clock, random } = this.#place
    const number = ++this.#lastNumber
    const connection = new ChannelConnection({
      number,
      socket: socket as unknown as WebSocket,
      source,
      channel: new ChannelResponder({ crypto, random, ...this.#identity() }),
      desk: this.#desk,
      owner: { known: () => undefined, closed: () => this.#connections.delete(number) },
      limits: { ...defaultLimits, frames: { burst: 1e6, perSecond: 1e6 }, requests: { burst: 1e6, perSecond: 1e6 } },
      clock,
      counters: new Counters(),
      logger: silentLogger,
    })
    this.#connections.set(number, connection)
  }

  /** Whether it did something. */
  wake(): boolean {
    return this.#alarm.wake(this.#place.clock().instant)
  }

  nextTimeout(): Instant | undefined {
    return this.#alarm.at
  }

  /** What lies on the disk at this moment, as if the power failed now; this one goes on and is of no use any more. */
  imageTo(directory: string): void {
    cpSync(join(this.directory, 'keys'), join(directory, 'keys'), { recursive: true })
    for (const file of ['coordinator.db', 'coordinator.db-wal'])
      if (existsSync(join(this.directory, file))) copyFileSync(join(this.directory, file), join(directory, file))
  }

  /** Before its sockets are closed. */
  leave(): void {
    this.core.leave()
  }

  /** Its sockets are closed before. */
  async close(): Promise<void> {
    await this.core.settled()
    await this.#files.store.close()
  }
}

class ToldAlarm implements Alarm {
  at: Instant | undefined
  #ring: (() => void) | undefined

  set(at: Instant | undefined, ring: () => void): void {
    this.at = at
    this.#ring = ring
  }

  wake(now: Instant): boolean {
    if (this.at === undefined || this.at > now) return false
    this.at = undefined
    invariant(this.#ring !== undefined, 'what is set rings')
    this.#ring()
    return true
  }
}
