import type { DatapathCommand } from '@weft/datapath'
import type { Membership } from './membership.ts'

/** Whose the local keys are, which the fast path reports by their place among those that it was told. */
export class LocalKeys {
  #owners: readonly Membership[] = []

  /** How the fast path is told all of them, anew. */
  commandFor(memberships: Iterable<Membership>): DatapathCommand {
    const all = [...memberships].flatMap((owner) => owner.nodeKeys.map((key) => ({ key, owner })))
    this.#owners = all.map(({ owner }) => owner)
    return { kind: 'set-local-keys', keys: all.map(({ key }) => key) }
  }

  ownerOf(localKey: number): Membership | undefined {
    return this.#owners[localKey]
  }
}
