import { concatBytes, invariant } from '@weft/base'
import { addressOf } from '@weft/native'
import { evp, GET_TAG, must, pointer, SET_TAG, TAG_LENGTH } from './openssl.ts'

const KEY_LENGTH = 32
const NONCE_LENGTH = 12
/** OpenSSL writes here, as an int, how much it gave. */
const LENGTH_BYTES = 4
const MAX_LENGTH = 2 ** 31 - 1 - TAG_LENGTH

let context = 0

/** ChaCha20-Poly1305 for handshakes and other single messages: ciphertext with its 16-byte tag behind. */
export function sealOnce(
  key: Uint8Array,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  associatedData: Uint8Array,
): Uint8Array {
  const output = concatBytes(plaintext, new Uint8Array(TAG_LENGTH))
  run({ key, nonce, associatedData, output, seals: true })
  return output
}

/** The plaintext, or `undefined` where the tag does not hold. */
export function openOnce(
  key: Uint8Array,
  nonce: Uint8Array,
  ciphertext: Uint8Array,
  associatedData: Uint8Array,
): Uint8Array | undefined {
  if (ciphertext.length < TAG_LENGTH) return undefined
  const output = ciphertext.slice()
  if (run({ key, nonce, associatedData, output, seals: false })) return output.slice(0, -TAG_LENGTH)
  output.fill(0)
  return undefined
}

interface Operation {
  readonly key: Uint8Array
  readonly nonce: Uint8Array
  readonly associatedData: Uint8Array
  /** Text and tag; worked on in place. */
  readonly output: Uint8Array
  readonly seals: boolean
}

/**
 * False where the tag does not hold. What OpenSSL reads lies in one buffer that is wiped at the end: so it is reachable
 * till then (an optimised caller may drop an argument after its last use), and no key outlives the call.
 */
function run({ key, nonce, associatedData, output, seals }: Operation): boolean {
  invariant(key.length === KEY_LENGTH && nonce.length === NONCE_LENGTH, 'a key of 32 and a nonce of 12 bytes')
  invariant(output.length <= MAX_LENGTH && associatedData.length <= MAX_LENGTH, 'a message below 2 GiB')
  const inputs = concatBytes(key, nonce, new Uint8Array(LENGTH_BYTES), associatedData)
  const at = addressOf(inputs)
  const nonceAt = at + KEY_LENGTH
  const lengthAt = nonceAt + NONCE_LENGTH
  context ||= pointer(evp.newCipherContext(), 'EVP_CIPHER_CTX_new')
  try {
    must(evp.initialise(context, evp.chacha20Poly1305(), 0, at, nonceAt, seals ? 1 : 0), 'EVP_CipherInit_ex')
    if (associatedData.length > 0)
      must(evp.update(context, 0, lengthAt, lengthAt + LENGTH_BYTES, associatedData.length), 'EVP_CipherUpdate')
    return transform(output, lengthAt, seals)
  } finally {
    evp.resetCipherContext(context)
    inputs.fill(0)
  }
}

function transform(output: Uint8Array, lengthAt: number, seals: boolean): boolean {
  const length = output.length - TAG_LENGTH
  const textAt = addressOf(output)
  const tagAt = textAt + length
  if (!seals) must(evp.control(context, SET_TAG, TAG_LENGTH, tagAt), 'EVP_CIPHER_CTX_ctrl')
  if (length > 0) must(evp.update(context, textAt, lengthAt, textAt, length), 'EVP_CipherUpdate')
  const holds = evp.finish(context, tagAt, lengthAt) === 1
  if (!holds) evp.clearErrors()
  if (seals) must(evp.control(context, GET_TAG, TAG_LENGTH, tagAt), 'EVP_CIPHER_CTX_ctrl')
  return holds
}
