/** Which packets from peers come in: rules, and the flows that they let through. */
export type { FilterRule } from './filter-rule.ts'
