import type { FilterRule } from '@weft/filter'
import { areSameRules } from './filter-rules.ts'
import { interfaceSettings } from './interface-settings.ts'
import type { Membership } from './membership.ts'
import type { Emit } from './node-interface.ts'

/** What all meshes of a node have together: filter, resolvers and interface. Told only where it is not what was told last. */
export class SharedSettings {
  readonly #emit: Emit
  #toldRules: readonly FilterRule[] | undefined
  #toldSettings = ''
  #toldResolvers = ''

  constructor(emit: Emit) {
    this.#emit = emit
  }

  tellFilter(memberships: readonly Membership[]): void {
    const rules = memberships.flatMap((membership) => membership.filterRules())
    if (this.#toldRules !== undefined && areSameRules(rules, this.#toldRules)) return
    this.#toldRules = rules
    this.#emit({ kind: 'datapath', command: { kind: 'set-filter', rules } })
  }

  /** There this machine asks for names; `Resolver` answers, beside the node. */
  tellResolvers(memberships: readonly Membership[]): void {
    const addresses = memberships.flatMap(({ resolvers }) => resolvers)
    if (addresses.join() === this.#toldResolvers) return
    this.#toldResolvers = addresses.join()
    this.#emit({ kind: 'datapath', command: { kind: 'set-node-addresses', addresses } })
  }

  tellInterface(memberships: readonly Membership[]): void {
    const settings = interfaceSettings(memberships)
    const told = JSON.stringify(settings)
    if (told === this.#toldSettings) return
    this.#toldSettings = told
    this.#emit({ kind: 'configure-interface', settings })
  }
}
