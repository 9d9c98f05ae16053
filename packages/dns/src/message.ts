import { viewOf } from '@weft/base'
import { HEADER, MAX_NAME, TYPE } from './constants.ts'

/*
 * A DNS message, RFC 1035 §4, read in place and never further than it goes:
 *   0 id, 2   2 flags, 2   4 questions, 2   6 answers, 2   8 authorities, 2   10 additionals, 2   12 …
 *   question: name, type 2, class 2      record: name, type 2, class 2, ttl 4, length 2, data
 */

const POINTER = 0xc0
const TTL_OFFSET = 4
const RECORD_HEAD = 10

type Section = 'answer' | 'authority' | 'additional'

/** Where one record lies. */
export interface RecordPlace {
  readonly section: Section
  readonly type: number
  readonly class: number
  readonly start: number
  readonly ttlAt: number
  readonly dataAt: number
  readonly dataLength: number
}

/** Behind the question section's one question; `undefined` where the message does not hold it whole. */
export function questionEnd(message: Uint8Array): number | undefined {
  const at = nameEnd(message, HEADER)
  return at === undefined || at + 4 > message.length ? undefined : at + 4
}

/** All records behind the question, or `undefined` where the message is not what its header says. */
export function recordPlaces(message: Uint8Array): readonly RecordPlace[] | undefined {
  const view = viewOf(message)
  let at = questionEnd(message)
  const places: RecordPlace[] = []
  for (const [section, countAt] of [
    ['answer', 6],
    ['authority', 8],
    ['additional', 10],
  ] as const) {
    for (let left = view.getUint16(countAt); left > 0; left--) {
      const place = at === undefined ? undefined : recordAt(view, message, at, section)
      if (place === undefined) return undefined
      places.push(place)
      at = place.dataAt + place.dataLength
    }
  }
  return at === undefined ? undefined : places
}

function recordAt(view: DataView, message: Uint8Array, start: number, section: Section): RecordPlace | undefined {
  const at = nameEnd(message, start)
  if (at === undefined || at + RECORD_HEAD > message.length) return undefined
  const dataAt = at + RECORD_HEAD
  const dataLength = view.getUint16(at + 8)
  if (dataAt + dataLength > message.length) return undefined
  const [type, recordClass] = [view.getUint16(at), view.getUint16(at + 2)]
  return { section, type, class: recordClass, start, ttlAt: at + TTL_OFFSET, dataAt, dataLength }
}

/** Behind a name, which may end in a pointer; `undefined` where it goes too far. Pointers are not followed. */
function nameEnd(message: Uint8Array, start: number): number | undefined {
  let at = start
  while (at < message.length && at - start < MAX_NAME) {
    const length = message[at] ?? 0
    if (length === 0) return at + 1
    if ((length & POINTER) === POINTER) return at + 2 <= message.length ? at + 2 : undefined
    if ((length & POINTER) !== 0) return undefined
    at += 1 + length
  }
  return undefined
}

/** A name without pointers, in lower case: its labels, one character a byte, and where it ends. */
export function plainName(
  message: Uint8Array,
  start: number,
): { readonly labels: readonly string[]; readonly end: number } | undefined {
  const labels: string[] = []
  let at = start
  for (;;) {
    const length = message[at]
    if (length === undefined || (length & POINTER) !== 0) return undefined
    at += 1
    if (at + length - start > MAX_NAME || at + length > message.length) return undefined
    if (length === 0) return { labels, end: at }
    labels.push(labelText(message.subarray(at, at + length)))
    at += length
  }
}

/** A name of printable ASCII, its pointers followed; `undefined` where it is none, or turns in a circle. */
export function nameAt(message: Uint8Array, start: number): string | undefined {
  const labels: string[] = []
  let at = start
  // A pointer leads backwards: so there is an end to it.
  let before = start
  for (let bytes = 0; bytes < MAX_NAME; ) {
    const length = message[at]
    if (length === undefined) return undefined
    if ((length & POINTER) === POINTER) {
      at = ((length & ~POINTER) << 8) | (message[at + 1] ?? 0xff)
      if (at >= before) return undefined
      before = at
      continue
    }
    if (length === 0) return labels.length === 0 ? undefined : labels.join('.')
    const label = labelText(message.subarray(at + 1, at + 1 + length))
    if (label.length !== length || !/^[!-~]+$/.test(label)) return undefined
    labels.push(label)
    bytes += 1 + length
    at += 1 + length
  }
  return undefined
}

/** A dot within a label is no dot between labels, so it is written as `\.`. */
function labelText(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += byte === 0x2e ? '\\.' : String.fromCharCode(byte)
  return text.toLowerCase()
}

/** Only for labels of ASCII, as those of the mesh are. */
export function encodeName(name: string): Uint8Array {
  const labels = name === '' ? [] : name.split('.')
  const bytes = new Uint8Array(name === '' ? 1 : name.length + 2)
  let at = 0
  for (const label of labels) {
    bytes[at++] = label.length
    for (const character of label) bytes[at++] = character.charCodeAt(0)
  }
  return bytes
}

/** Seconds for which every record of the answer holds; OPT has none. */
export function leastTtl(message: Uint8Array, places: readonly RecordPlace[]): number | undefined {
  const view = viewOf(message)
  let least: number | undefined
  for (const { type, ttlAt } of places) {
    if (type === TYPE.OPT) continue
    // RFC 2181 §8: a time with the highest bit set is none.
    const ttl = view.getInt32(ttlAt)
    least = Math.min(least ?? Number.MAX_SAFE_INTEGER, Math.max(0, ttl))
  }
  return least
}

/** Takes seconds off every time to live, in place. */
export function ageTtls(message: Uint8Array, places: readonly RecordPlace[], seconds: number): void {
  const view = viewOf(message)
  for (const { type, ttlAt } of places) {
    if (type !== TYPE.OPT) view.setInt32(ttlAt, Math.max(0, Math.max(0, view.getInt32(ttlAt)) - seconds))
  }
}
