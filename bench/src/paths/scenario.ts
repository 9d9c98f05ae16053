import type { Figure } from './figure.ts'

/** What is measured once in each round, in a world of its own. */
export interface Scenario {
  /** For `--only`. */
  readonly name: string
  measure(): Promise<readonly Figure[]>
}
