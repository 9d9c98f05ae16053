import { invariant, utf8 } from '@weft/base'
import { addressOf } from '@weft/native'
import { addressOrNull, evp, must, pointer } from './openssl.ts'

const MAC_LENGTH = 16

// One buffer, so that all of it lives as long as the function below. OSSL_PARAM (core.h) has 40 bytes: name (pointer), type
// (u32 at 8; 2 is an unsigned integer), value (pointer at 16), the value's size (24), what was returned (32); a zero name
// ends the array. Here: [{ "size": 16 }].
const PARAMETERS_AT = 0
const SIZE_AT = 80
const LENGTH_AT = 88
const NAME_AT = 96
const OUTPUT_AT = 104
const KEY_AT = OUTPUT_AT + MAC_LENGTH
const KEY_ROOM = 32
const scratch = new Uint8Array(KEY_AT + KEY_ROOM)
const address = addressOf(scratch)
new BigUint64Array(scratch.buffer, 0, 11).set([
  BigInt(address + NAME_AT),
  2n,
  BigInt(address + SIZE_AT),
  8n,
  ...[0n, 0n, 0n, 0n, 0n, 0n],
  BigInt(MAC_LENGTH),
])
scratch.set(utf8('size'), NAME_AT)

let context = 0

/** OpenSSL's BLAKE2SMAC with 16 bytes of output, for which node:crypto has no interface. The key has 1 to 32 bytes. */
export function keyedBlake2s(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  invariant(key.length >= 1 && key.length <= KEY_ROOM, 'a BLAKE2s key of 1 to 32 bytes')
  context ||= createContext()
  scratch.set(key, KEY_AT)
  must(evp.initialiseMac(context, address + KEY_AT, key.length, address + PARAMETERS_AT), 'EVP_MAC_init')
  for (const part of parts) must(evp.updateMac(context, addressOrNull(part), part.length), 'EVP_MAC_update')
  must(evp.finishMac(context, address + OUTPUT_AT, address + LENGTH_AT, MAC_LENGTH), 'EVP_MAC_final')
  scratch.fill(0, KEY_AT)
  return scratch.slice(OUTPUT_AT, KEY_AT)
}

/** Kept for the life of the thread: fetching costs more than hashing. */
function createContext(): number {
  const mac = pointer(evp.fetchMac(0, 'BLAKE2SMAC', 0), 'EVP_MAC_fetch')
  return pointer(evp.newMacContext(mac), 'EVP_MAC_CTX_new')
}
