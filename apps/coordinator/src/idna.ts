import { domainToASCII, domainToUnicode } from 'node:url'
import type { Idna } from '@weft/dns'

/** So that a label of digits is not read as an address. */
const BEHIND = '.weft'

/** UTS 46 as Node.js has it. */
export const idna: Idna = {
  toAscii: (label) => domainToASCII(label + BEHIND).slice(0, -BEHIND.length) || undefined,
  toUnicode: (label) => domainToUnicode(label + BEHIND).slice(0, -BEHIND.length),
}
