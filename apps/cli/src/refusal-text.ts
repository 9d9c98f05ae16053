import type { MovedPlace, PlaceHolder, RefusedPeer } from './agent-answers.ts'
import { oneLine } from './failure.ts'
import { formatAge } from './format.ts'
import { nameText } from './name-text.ts'

/** What happened to a device that the coordinator names and that gets no tunnel, by the reason's own name. */
const TEXTS: Readonly<Record<string, string>> = {
  'record-forged': 'its keys are not signed by itself: the coordinator, or something on the way, altered them',
  'record-superseded': 'its keys are older than those known of it: an old record was brought back',
  'record-forked': 'two records of it have one number: a copy of the device runs, or its keys were stolen',
  'identity-mismatch': 'its record or its certificates are of another device',
  'chain-foreign': 'it is certified by another mesh',
  'chain-broken': 'its certificates do not belong together',
  'certificate-forged': 'a certificate of it was altered',
  'chain-expired': 'its certificates have expired: check the clocks, or let it join again',
  'chain-not-yet-valid': 'its certificates do not hold yet: check the clocks',
  'is-self': 'it claims to be this device',
  'address-taken': 'another device has its address',
  'address-pinned': 'its address was seen with another device',
  'node-key-taken': 'another device has its key',
  revoked: 'it, its account or the join link that let it in was revoked: it was removed from the mesh',
  'too-many-peers': 'this device has as many peers as it can: remove some from the mesh',
  'address-outside-range': 'its address is outside of the mesh',
}

export function refusalLine({ id, name, reason }: RefusedPeer): string {
  return `refused  ${nameText(name)} (${oneLine(id).slice(0, 8)})  ${TEXTS[reason] ?? oneLine(reason)}`
}

/** What the coordinator moved from one device to another, and what to type where that is right. */
export function movedLine({ id, name, owner, kind, value, holder }: MovedPlace, now: number): string {
  const claimant = `${oneLine(id).slice(0, 8)}, a device of ${oneLine(owner)}`
  return `moved    ${kind} ${nameText(value)} was ${holderText(holder, now)}, and is claimed by ${claimant}; if that is right: sudo weft trust ${nameText(name)}`
}

export function holderText({ id, name, seen }: PlaceHolder, now: number): string {
  const since = Date.parse(seen)
  const where = name !== null ? `${nameText(name)} now` : since === 0 ? '' : `last seen ${formatAge(since, now)}`
  return where === '' ? oneLine(id).slice(0, 8) : `${oneLine(id).slice(0, 8)} (${where})`
}
