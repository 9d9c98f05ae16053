import type { Lab } from '@weft/lab'
import type { EnginePair } from './engine-pair.ts'

export type Better = 'more' | 'less' | 'neither'

/** One number that a turn gave. */
export interface Figure {
  readonly name: string
  readonly unit: string
  readonly better: Better
  readonly value: number
}

/** Something that is measured of every engine, in turns. */
export interface Quantity {
  /** For `--only`. */
  readonly name: string
  /** Whether it is measured with super-packets cut before the wire too. */
  readonly dependsOnWire: boolean
  /** One turn: a few seconds. */
  measure(pair: EnginePair, lab: Lab): Promise<readonly Figure[]>
}
