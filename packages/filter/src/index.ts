/** Which packets from peers come in: rules, and the flows that they let through. */
export type { FilterRule } from './filter-rule.ts'
export {
  PacketFilter,
  VERDICT_ACCEPT_KNOWN,
  VERDICT_ACCEPT_NEW,
  VERDICT_DROP,
  type Verdict,
} from './packet-filter.ts'
