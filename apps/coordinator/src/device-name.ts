import { isNumberLabel, isReservedLabel } from '@weft/dns'

/** A DNS label: RFC 1035 §2.3.1. */
const MAX_LENGTH = 63
const FALLBACK = 'device'

/** Room for `-` and a number. */
const SUFFIX_LENGTH = 10

/**
 * The name that a device would like, of the host name it tells: its first label in lower case, accents taken off,
 * other letters left out, and hyphens for what is between words. Never a text that reads as an address or a node id.
 */
export function nameFromHostName(hostName: string): string {
  const label = hostName
    .trim()
    .split('.', 1)
    .join()
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[\p{M}\p{Cf}'’`]/gu, '')
    .replace(/[^a-z0-9\p{L}\p{N}]+/gu, '-')
    .replace(/[^a-z0-9-]/g, '')
    .replace(/-+/g, '-')
  const name = shortened(trimmed(label), MAX_LENGTH)
  if (name === '' || name === 'localhost') return FALLBACK
  if (isNumberLabel(name)) return shortened(`${FALLBACK}-${name}`, MAX_LENGTH)
  return name
}

/** How every name that `freeName` could answer begins. */
export const nameStem = (name: string): string => name.slice(0, MAX_LENGTH - SUFFIX_LENGTH)

/** The name, or with `-2`, `-3`, … the first that is neither used nor reserved. */
export function freeName(name: string, used: readonly string[]): string {
  const taken = new Set(used)
  const isFree = (candidate: string) => !taken.has(candidate) && !isReservedLabel(candidate)
  if (isFree(name)) return name
  for (let number = 2; ; number++) {
    const suffix = `-${number}`
    const candidate = `${shortened(name, MAX_LENGTH - suffix.length)}${suffix}`
    if (isFree(candidate)) return candidate
  }
}

const shortened = (label: string, length: number): string => trimmed(label.slice(0, length))
const trimmed = (label: string): string => label.replace(/^-+|-+$/g, '')
