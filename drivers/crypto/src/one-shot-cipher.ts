import { concatBytes, invariant } from '@weft/base'
import { addressOf } from '@weft/native'
import { evp, GET_TAG, must, pointer, SET_TAG, TAG_LENGTH } from './openssl.ts'

const KEY_LENGTH = 32
const NONCE_LENGTH = 12
/** OpenSSL writes here, as an int, how much it gave. */
const LENGTH_BYTES = 4
const MAX_LENGTH = 2 ** 31 - 1 - TAG_LENGTH

/** Bytes from which on it pays not to wipe what is written over. */
const LARGE = 1024

let context = 0
const kept: { input?: Uint8Array } = {}

/** ChaCha20-Poly1305 for handshakes and other single messages: ciphertext with its 16-byte tag behind. */
export function sealOnce(
  key: Uint8Array,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  associatedData: Uint8Array,
): Uint8Array {
  const output = room(plaintext.length + TAG_LENGTH)
  run({ key, nonce, associatedData, input: plaintext, output, seals: true })
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
  const output = room(ciphertext.length - TAG_LENGTH)
  if (run({ key, nonce, associatedData, input: ciphertext, output, seals: false })) return output
  output.fill(0)
  return undefined
}

interface Operation {
  readonly key: Uint8Array
  readonly nonce: Uint8Array
  readonly associatedData: Uint8Array
  readonly input: Uint8Array
  /** Every byte of it is written. */
  readonly output: Uint8Array
  readonly seals: boolean
}

/**
 * False where the tag does not hold. An optimised caller may drop an argument after its last use, so what OpenSSL reads is
 * kept here till the end of the call; keys lie in one buffer that is wiped then.
 */
function run({ key, nonce, associatedData, input, output, seals }: Operation): boolean {
  invariant(key.length === KEY_LENGTH && nonce.length === NONCE_LENGTH, 'a key of 32 and a nonce of 12 bytes')
  invariant(input.length <= MAX_LENGTH && associatedData.length <= MAX_LENGTH, 'a message below 2 GiB')
  const inputs = concatBytes(key, nonce, new Uint8Array(LENGTH_BYTES), associatedData)
  const at = addressOf(inputs)
  const nonceAt = at + KEY_LENGTH
  const lengthAt = nonceAt + NONCE_LENGTH
  context ||= pointer(evp.newCipherContext(), 'EVP_CIPHER_CTX_new')
  kept.input = input
  try {
    must(evp.initialise(context, evp.chacha20Poly1305(), 0, at, nonceAt, seals ? 1 : 0), 'EVP_CipherInit_ex')
    if (associatedData.length > 0)
      must(evp.update(context, 0, lengthAt, lengthAt + LENGTH_BYTES, associatedData.length), 'EVP_CipherUpdate')
    return seals ? seal(input, output, lengthAt) : open(input, output, lengthAt)
  } finally {
    evp.resetCipherContext(context)
    inputs.fill(0)
    delete kept.input
  }
}

function seal(input: Uint8Array, output: Uint8Array, lengthAt: number): true {
  const outputAt = addressOf(output)
  const tagAt = outputAt + input.length
  if (input.length > 0)
    must(evp.update(context, outputAt, lengthAt, addressOf(input), input.length), 'EVP_CipherUpdate')
  must(evp.finish(context, tagAt, lengthAt), 'EVP_CipherFinal_ex')
  must(evp.control(context, GET_TAG, TAG_LENGTH, tagAt), 'EVP_CIPHER_CTX_ctrl')
  return true
}

function open(input: Uint8Array, output: Uint8Array, lengthAt: number): boolean {
  const inputAt = addressOf(input)
  must(evp.control(context, SET_TAG, TAG_LENGTH, inputAt + output.length), 'EVP_CIPHER_CTX_ctrl')
  if (output.length > 0)
    must(evp.update(context, addressOf(output), lengthAt, inputAt, output.length), 'EVP_CipherUpdate')
  // Nothing is left to be written.
  const holds = evp.finish(context, lengthAt, lengthAt) === 1
  if (!holds) evp.clearErrors()
  return holds
}

/** Not wiped where it is large: that would cost as much as to write it. */
function room(length: number): Uint8Array {
  return length < LARGE ? new Uint8Array(length) : new Uint8Array(Buffer.allocUnsafeSlow(length).buffer)
}
