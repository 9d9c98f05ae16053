import { randomFillSync } from 'node:crypto'
import type { Random } from '@weft/base'

/** The operating system's generator. */
export const systemRandom: Random = {
  fill(bytes) {
    randomFillSync(bytes)
  },
}
