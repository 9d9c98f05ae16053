import { isIP } from 'node:net'
import { replaceAddresses } from './addresses-in-text.ts'

/** Says of everybody on the Internet, or of nobody. */
const isTelling = (address: string): boolean => address !== '::' && address !== '0.0.0.0' && !isLoopback(address)

const isLoopback = (address: string): boolean => address === '::1' || address.startsWith('127.')

const LINK = /weft:\/\/[^\s"']+/g
/** No word is so long without a break: keys in hexadecimal or base64, ids, hashes. */
const LONG = /(?<![\w+/=-])[\w+/=-]{32,}(?![\w+/=-])/g

/**
 * Takes out of a text what tells who and where: the same name or address becomes the same word wherever it stands, so that
 * one can still follow it. Join links and whatever could be a key go without a trace.
 */
export class Redaction {
  readonly #names = new Map<string, string>()
  readonly #addresses = new Map<string, string>()

  addName(name: string, kind: string): void {
    if (name === '' || this.#names.has(name)) return
    const count = [...this.#names.values()].filter((word) => word.startsWith(`${kind}-`)).length
    this.#names.set(name, `${kind}-${count + 1}`)
  }

  redact(text: string): string {
    const short = text.replaceAll(LINK, '[link]').replaceAll(LONG, (word) => this.#ofLong(word))
    return this.#withoutNames(replaceAddresses(short, (address) => this.#ofAddress(address)))
  }

  /** The beginning of an id tells two apart; of a key nothing is kept. Only a node's and a mesh's id have this form. */
  #ofLong(word: string): string {
    return /^[0-9a-f]{32}$/.test(word) ? `${word.slice(0, 8)}…` : '[long]'
  }

  #ofAddress(address: string): string {
    if (!isTelling(address)) return address
    const key = address.toLowerCase()
    const known = this.#addresses.get(key)
    if (known !== undefined) return known
    const word = `${kindOf(key)}-${this.#addresses.size + 1}`
    this.#addresses.set(key, word)
    return word
  }

  #withoutNames(text: string): string {
    let redacted = text
    for (const [name, word] of [...this.#names].toSorted(([a], [b]) => b.length - a.length))
      redacted = redacted.replaceAll(new RegExp(`(?<![\\w-])${RegExp.escape(name)}(?![\\w-])`, 'gi'), word)
    return redacted
  }
}

/** What of an address a maintainer needs: which family, and whether only some network knows it. */
function kindOf(address: string): string {
  const family = isIP(address) === 4 ? 'v4' : 'v6'
  const isPrivate = /^(10|192\.168|172\.(1[6-9]|2\d|3[01]))\./.test(address) || /^f[cd]/.test(address)
  const isShared = /^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./.test(address)
  const isLinkLocal = /^169\.254\./.test(address) || /^fe[89ab]/.test(address)
  const scope = isPrivate ? 'private' : isShared ? 'shared' : isLinkLocal ? 'link-local' : 'public'
  return `${family}-${scope}`
}
