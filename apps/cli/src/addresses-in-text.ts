import { isIP } from 'node:net'

const V4 = /(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\d)/g
/** Anything with two colons; whether it is an address is for `isIP` to say: a time of day is none. */
const PERHAPS_V6 = /(?<![\w:.])[0-9a-f]*:[0-9a-f]*:(?:[0-9a-f:]*[0-9a-f])?(?:\.\d{1,3}){0,3}(?![\w:])/gi

/** Replaces each IP address in text that may hold anything. */
export function replaceAddresses(text: string, replace: (address: string) => string): string {
  const each = (found: string): string => (isIP(found) === 0 ? found : replace(found))
  // The longer first: an IPv6 address may end in an IPv4 one.
  return text.replaceAll(PERHAPS_V6, each).replaceAll(V4, each)
}
