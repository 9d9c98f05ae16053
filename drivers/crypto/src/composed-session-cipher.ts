import { invariant } from '@weft/base'
import { Arena, bind } from '@weft/native'
import { EvpSessionCipher } from './evp-session-cipher.ts'
import type { SessionCipher } from './session-cipher.ts'

const KEY_BYTES = 32
const BLOCK = 64
const TAG = 16
/** Where OpenSSL tells a larger one, we do without. */
const MAC_CONTEXT_BYTES = 512

/** OpenSSL's ChaCha20 and Poly1305, each whole; Node.js exports them beside `EVP_…`, but OpenSSL promises neither. */
interface Primitives {
  /** output, input, length, key, counter (u32) and nonce; output may be the input. */
  readonly chacha20: (...values: readonly number[]) => number
  /** context, key of 32 bytes. */
  readonly beginMac: (...values: readonly number[]) => number
  readonly updateMac: (...values: readonly number[]) => number
  /** context, where the 16 bytes go. */
  readonly finishMac: (...values: readonly number[]) => number
}

// One for each thread: every call runs to its end before the next begins. It is never given back.
const scratch = new Arena(KEY_BYTES + 2 * BLOCK + 2 * TAG + MAC_CONTEXT_BYTES + 64, true)
const keyAt = scratch.take(KEY_BYTES, 16)
const zeroesAt = scratch.take(BLOCK, 16)
const macKeyAt = scratch.take(BLOCK, 16)
const counterAt = scratch.take(TAG, 16)
const macAt = scratch.take(TAG, 16)
const contextAt = scratch.take(MAC_CONTEXT_BYTES, 16)
const keyAddress = scratch.base + keyAt
const zeroesAddress = scratch.base + zeroesAt
const macKeyAddress = scratch.base + macKeyAt
const counterAddress = scratch.base + counterAt
const macAddress = scratch.base + macAt
const contextAddress = scratch.base + contextAt
const words = new Int32Array(scratch.bytes.buffer, scratch.bytes.byteOffset, scratch.bytes.byteLength >>> 2)
const keyWord = keyAt >>> 2
const counterWord = counterAt >>> 2
const macWord = macAt >>> 2

const primitives = loadPrimitives()
let isProven: boolean | undefined

/** Whether OpenSSL's primitives are there, and compose to what its AEAD makes. */
export function canCompose(): boolean {
  isProven ??= primitives !== undefined && agreesWithEvp()
  return isProven
}

/**
 * The AEAD composed of OpenSSL's ChaCha20 and Poly1305 as RFC 8439 §2.8 has it: the same bytes as `EVP_chacha20_poly1305`, at half
 * its cost for a packet. The padding and the lengths that Poly1305 takes in behind the ciphertext are written where the tag goes and
 * into the slack behind it for the time of the call, so that one call takes in all.
 */
export class ComposedSessionCipher implements SessionCipher {
  readonly #view: DataView
  readonly #base: number
  readonly #direction: 'seal' | 'open'
  readonly #key = new Int32Array(KEY_BYTES / 4)
  readonly #primitives: Primitives
  #isFreed = false

  constructor(arena: Arena, key: Uint8Array, direction: 'seal' | 'open') {
    invariant(key.length === KEY_BYTES, 'a session key of 32 bytes')
    invariant(primitives !== undefined, 'primitives to compose the AEAD of')
    this.#view = arena.view
    this.#base = arena.base
    this.#direction = direction
    this.#primitives = primitives
    new Uint8Array(this.#key.buffer).set(key)
  }

  seal(counterLow: number, counterHigh: number, offset: number, length: number): void {
    this.#begin('seal', counterLow, counterHigh)
    this.#encrypt(offset, length)
    this.#authenticate(offset, length, this.#base + offset + length)
  }

  open(counterLow: number, counterHigh: number, offset: number, length: number): boolean {
    this.#begin('open', counterLow, counterHigh)
    const view = this.#view
    const tag = offset + length
    const a = view.getInt32(tag, true)
    const b = view.getInt32(tag + 4, true)
    const c = view.getInt32(tag + 8, true)
    const d = view.getInt32(tag + 12, true)
    this.#authenticate(offset, length, macAddress)
    // Constant time: every word is compared, whatever the others are.
    const difference =
      (a ^ (words[macWord] as number)) |
      (b ^ (words[macWord + 1] as number)) |
      (c ^ (words[macWord + 2] as number)) |
      (d ^ (words[macWord + 3] as number))
    if (difference !== 0) return false
    this.#encrypt(offset, length)
    return true
  }

  free(): void {
    this.#isFreed = true
    this.#key.fill(0)
    scratch.bytes.fill(0)
  }

  /** Sets key and nonce, and makes the key of the tag: the first 32 bytes of the block with counter 0. RFC 8439 §2.6. */
  #begin(direction: 'seal' | 'open', counterLow: number, counterHigh: number): void {
    invariant(!this.#isFreed && this.#direction === direction, 'a cipher in use for its direction')
    const key = this.#key
    for (let i = 0; i < KEY_BYTES / 4; i++) words[keyWord + i] = key[i] as number
    words[counterWord] = 0
    words[counterWord + 2] = counterLow
    words[counterWord + 3] = counterHigh
    this.#primitives.chacha20(macKeyAddress, zeroesAddress, BLOCK, keyAddress, counterAddress)
  }

  /** The stream from block 1 on; the same to decrypt. */
  #encrypt(offset: number, length: number): void {
    if (length === 0) return
    words[counterWord] = 1
    const address = this.#base + offset
    this.#primitives.chacha20(address, address, length, keyAddress, counterAddress)
  }

  /** Ciphertext ‖ zeroes up to 16 ‖ 0 (u64, no associated data) ‖ its length (u64). RFC 8439 §2.8. */
  #authenticate(offset: number, length: number, output: number): void {
    const { beginMac, updateMac, finishMac } = this.#primitives
    const view = this.#view
    const end = offset + length
    const slack = end + TAG
    const padded = (length + TAG - 1) & ~(TAG - 1)
    const a = view.getInt32(slack, true)
    const b = view.getInt32(slack + 4, true)
    const c = view.getInt32(slack + 8, true)
    const d = view.getInt32(slack + 12, true)
    for (let i = 0; i < 2 * TAG; i += 4) view.setInt32(end + i, 0, true)
    view.setInt32(offset + padded + 8, length, true)
    beginMac(contextAddress, macKeyAddress)
    updateMac(contextAddress, this.#base + offset, padded + TAG)
    finishMac(contextAddress, output)
    view.setInt32(slack, a, true)
    view.setInt32(slack + 4, b, true)
    view.setInt32(slack + 8, c, true)
    view.setInt32(slack + 12, d, true)
  }
}

function loadPrimitives(): Primitives | undefined {
  try {
    if (bind('size_t Poly1305_ctx_size()')() > MAC_CONTEXT_BYTES) return undefined
    return {
      chacha20: bind('void ChaCha20_ctr32(uintptr_t, uintptr_t, size_t, uintptr_t, uintptr_t)'),
      beginMac: bind('void Poly1305_Init(uintptr_t, uintptr_t)'),
      updateMac: bind('void Poly1305_Update(uintptr_t, uintptr_t, size_t)'),
      finishMac: bind('void Poly1305_Final(uintptr_t, uintptr_t)'),
    }
  } catch {
    return undefined
  }
}

/** Seals packets of some lengths both ways: a few microseconds, once a thread. */
function agreesWithEvp(): boolean {
  const key = Uint8Array.from({ length: KEY_BYTES }, (_, i) => 200 - i)
  return [0, 1, 16, 63, 64, 65, 1420].every((length) => {
    const [ours, theirs] = [ComposedSessionCipher, EvpSessionCipher].map((Kind) => {
      const arena = new Arena(length + 2 * TAG)
      arena.bytes.fill(length + 1)
      const cipher = new Kind(arena, key, 'seal')
      cipher.seal(length, 0x80000001, 0, length)
      cipher.free()
      return arena.bytes
    })
    return Buffer.compare(ours as Uint8Array, theirs as Uint8Array) === 0
  })
}
