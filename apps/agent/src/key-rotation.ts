import { type Clock, type Logger, milliseconds, type Random, type WallTime, wallTime } from '@weft/base'
import { nativeCrypto as crypto } from '@weft/crypto'
import { createRecord, generateNodeKeys } from '@weft/identity'
import { AgentError, messageOf } from './agent-error.ts'
import type { DeviceKeys, NextKeys } from './agent-state.ts'

/** For peers that are cut off from the coordinator when this device takes new keys; others hear of it within seconds. */
const FORMER_KEYS_LIVE = milliseconds(3_600_000)

/*
 * A device takes new keys, all but its identity, in two steps that are each one write of its `keys.json`:
 *
 *   made: `next` lies beside the keys in use; from then on the coordinator may be told, again and again
 *   told: the coordinator has the new record; `next` are the keys, and those before are `former` for an hour
 *
 * In either state the node is known by the old and by the new keys, so a crash at any moment leaves it working.
 */

/** Keys made to take the place of these; those that are made already stay. */
function withNextKeys(device: DeviceKeys, at: WallTime, random: Random): DeviceKeys {
  if (device.next !== undefined) return device
  const next: NextKeys = {
    ...generateNodeKeys(random),
    identity: device.keys.identity,
    // After the clock, so that a device that was put back to an older state does not make a record twice.
    sequence: Math.max(device.sequence + 1, Math.floor(at / 1000)),
  }
  return { ...device, next }
}

/** The coordinator has the record of `next`. */
function withNextTold({ link, keys: before, next, ...rest }: DeviceKeys, clock: Clock): DeviceKeys {
  if (next === undefined) return { link, keys: before, ...rest }
  const { sequence, ...keys } = next
  const until = wallTime(clock().wall + FORMER_KEYS_LIVE)
  return { link, keys, sequence, former: { node: before.node, probe: before.probe, until } }
}

/** What was made is of no use. */
function withoutNextKeys({ next: _next, ...device }: DeviceKeys): DeviceKeys {
  return device
}

export function withoutFormerKeys({ former: _former, ...device }: DeviceKeys): DeviceKeys {
  return device
}

/** How a rotation ended for now: the coordinator has it, or, with the reason, is told when it can be. */
export interface Rotation {
  readonly published: boolean
  /** For people. */
  readonly reason?: string
}

/** What a rotation is made with. */
export interface RotationHost {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  device(): DeviceKeys
  /** On disk and known to the node when it returns. */
  keep(device: DeviceKeys): void
  /** Asks the coordinator to take the record. Rejects with an `AgentError`. */
  publish(record: Uint8Array): Promise<unknown>
  /** The coordinator knows the device by another channel key now. */
  reconnect(): void
}

/** The rotation of one membership's keys, also over restarts. */
export class KeyRotation {
  readonly #host: RotationHost
  #telling: Promise<Rotation> | undefined

  constructor(host: RotationHost) {
    this.#host = host
  }

  /** Makes new keys and tells the coordinator, now or later. @throws AgentError `record-refused`: all is as it was. */
  async rotate(): Promise<Rotation> {
    const { clock, random } = this.#host
    this.#host.keep(withNextKeys(this.#host.device(), clock().wall, random))
    return await this.#tell()
  }

  /** The coordinator can be reached: what it was not told is told. */
  async resume(): Promise<void> {
    if (this.#host.device().next === undefined) return
    await this.#tell().catch((error: unknown) =>
      this.#host.logger.error('new keys refused', { reason: messageOf(error) }),
    )
  }

  /** Once at a time. */
  async #tell(): Promise<Rotation> {
    this.#telling ??= this.#tellNext().finally(() => {
      this.#telling = undefined
    })
    return await this.#telling
  }

  async #tellNext(): Promise<Rotation> {
    const { device, publish, clock, logger } = this.#host
    const { next } = device()
    if (next === undefined) return { published: true }
    try {
      await publish(createRecord(next, next.sequence, crypto))
    } catch (error) {
      const code = error instanceof AgentError ? error.code : ''
      if (code === 'record-refused') this.#host.keep(withoutNextKeys(device()))
      // Where it has taken the record before and the answer was lost, the channel key of before is nobody's.
      if (code !== 'not-registered') return notPublished(error)
    }
    this.#host.keep(withNextTold(device(), clock))
    this.#host.reconnect()
    logger.info('keys rotated')
    return { published: true }
  }
}

/** @throws what cannot be put right by asking again. */
function notPublished(error: unknown): Rotation {
  if (!(error instanceof AgentError) || error.code === 'record-refused') throw error
  return { published: false, reason: error.message }
}
