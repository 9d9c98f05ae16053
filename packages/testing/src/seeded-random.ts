import { randomInt } from 'node:crypto'
import type { Random } from '@weft/base'

/** Random bytes, and draws, that a 32-bit seed alone decides. For tests only. */
export interface SeededRandom extends Random {
  /** A whole number from 0, uniform, less than the limit. */
  below(limit: number): number
  chance(probability: number): boolean
  /** @throws {RangeError} where there is nothing to choose from. */
  pick<Item>(items: readonly Item[]): Item
}

/** A Weyl sequence mixed by MurmurHash3's finalizer. */
export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x9e3779b9) >>> 0
    return mixed(state)
  }
  const below = (limit: number): number => Math.floor((next() / 2 ** 32) * limit)
  return {
    fill(bytes: Uint8Array): void {
      for (let i = 0; i < bytes.length; i++) bytes[i] = next() >>> 24
    },
    below,
    chance: (probability) => next() < probability * 2 ** 32,
    pick<Item>(items: readonly Item[]): Item {
      if (items.length === 0) throw new RangeError('nothing to choose from')
      return items[below(items.length)] as Item
    },
  }
}

/** The seed of the part with that number in a run with that seed: parts replay alone. */
export const partSeed = (seed: number, part: number): number => mixed((mixed(seed >>> 0) + part) >>> 0)

function mixed(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** From `WEFT_SEED`; otherwise the same in every short run, and another in every long one. */
export function runSeed(): number {
  const given = process.env.WEFT_SEED
  if (given === undefined) return isLongRun() ? randomInt(2 ** 32) : 1
  const seed = Number(given)
  if (Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32) return seed
  throw new RangeError(`WEFT_SEED is a whole number below 2^32, not ${given}`)
}

export const isLongRun = (): boolean => process.env.WEFT_LONG === '1'
