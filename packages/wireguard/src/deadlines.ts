import { type Instant, invariant } from '@weft/base'

interface Entry<Key> {
  readonly key: Key
  readonly at: Instant
}

/** One deadline for each key, the earliest at hand: a binary heap that knows where each key stands in it. */
export class Deadlines<Key> {
  readonly #heap: Entry<Key>[] = []
  readonly #places = new Map<Key, number>()

  /** Replaces the key's deadline; `undefined` takes it away. */
  set(key: Key, at: Instant | undefined): void {
    const place = this.#places.get(key)
    if (at === undefined) {
      if (place !== undefined) this.#remove(place)
    } else if (place === undefined) {
      this.#heap.push({ key, at })
      this.#rise(this.#heap.length - 1)
    } else if (this.#entry(place).at !== at) {
      this.#heap[place] = { key, at }
      this.#sink(this.#rise(place))
    }
  }

  next(): Instant | undefined {
    return this.#heap[0]?.at
  }

  /** A key whose deadline is due, the earliest first; it has none then. */
  takeDue(now: Instant): Key | undefined {
    const first = this.#heap[0]
    if (first === undefined || first.at > now) return undefined
    this.#remove(0)
    return first.key
  }

  #remove(place: number): void {
    const last = this.#heap.pop()
    invariant(last !== undefined, 'a place is in the heap')
    const removed = place === this.#heap.length ? last : this.#entry(place)
    this.#places.delete(removed.key)
    if (removed === last) return
    this.#heap[place] = last
    this.#sink(this.#rise(place))
  }

  /** Moves the entry up as far as it goes; where it is then. */
  #rise(from: number): number {
    const entry = this.#entry(from)
    let place = from
    while (place > 0) {
      const parent = (place - 1) >> 1
      if (this.#entry(parent).at <= entry.at) break
      this.#put(this.#entry(parent), place)
      place = parent
    }
    this.#put(entry, place)
    return place
  }

  #sink(from: number): void {
    const entry = this.#entry(from)
    let place = from
    for (let child = this.#earlierChild(place); child !== undefined; child = this.#earlierChild(place)) {
      if (this.#entry(child).at >= entry.at) break
      this.#put(this.#entry(child), place)
      place = child
    }
    this.#put(entry, place)
  }

  #earlierChild(place: number): number | undefined {
    const left = 2 * place + 1
    if (left >= this.#heap.length) return undefined
    const right = left + 1
    return right < this.#heap.length && this.#entry(right).at < this.#entry(left).at ? right : left
  }

  #put(entry: Entry<Key>, place: number): void {
    this.#heap[place] = entry
    this.#places.set(entry.key, place)
  }

  #entry(place: number): Entry<Key> {
    const entry = this.#heap[place]
    invariant(entry !== undefined, 'a place is in the heap')
    return entry
  }
}
