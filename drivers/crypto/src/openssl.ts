import { addressOf, bind } from '@weft/native'

/**
 * The symbols of OpenSSL 3 (exported by Node.js for addons) that node:crypto does not offer, or only far slower.
 * Pointers are numbers; 0 is NULL. Unless said otherwise 1 is success.
 */
export const evp = {
  newCipherContext: bind('uintptr_t EVP_CIPHER_CTX_new()'),
  /** Wipes what it frees. */
  freeCipherContext: bind('void EVP_CIPHER_CTX_free(uintptr_t)'),
  /** Wipes the key, keeps the context. */
  resetCipherContext: bind('int EVP_CIPHER_CTX_reset(uintptr_t)'),
  chacha20Poly1305: bind('uintptr_t EVP_chacha20_poly1305()'),
  /** context, cipher, engine, key, nonce, 1 to seal or 0 to open. */
  initialise: bind('int EVP_CipherInit_ex(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, int)'),
  /** context, output (0: the input is associated data), output's length (int *), input, input's length. */
  update: bind('int EVP_CipherUpdate(uintptr_t, uintptr_t, uintptr_t, uintptr_t, int)'),
  finish: bind('int EVP_CipherFinal_ex(uintptr_t, uintptr_t, uintptr_t)'),
  control: bind('int EVP_CIPHER_CTX_ctrl(uintptr_t, int, int, uintptr_t)'),
  fetchMac: bind('uintptr_t EVP_MAC_fetch(uintptr_t, const char *, uintptr_t)'),
  newMacContext: bind('uintptr_t EVP_MAC_CTX_new(uintptr_t)'),
  /** context, key, key's length, OSSL_PARAM array. */
  initialiseMac: bind('int EVP_MAC_init(uintptr_t, uintptr_t, size_t, uintptr_t)'),
  updateMac: bind('int EVP_MAC_update(uintptr_t, uintptr_t, size_t)'),
  /** context, output, output's length (size_t *), output's room. */
  finishMac: bind('int EVP_MAC_final(uintptr_t, uintptr_t, uintptr_t, size_t)'),
  /** Must follow a failure: TLS in the same thread would take what is left in the queue for its own. */
  clearErrors: bind('void ERR_clear_error()'),
}

export const GET_TAG = 0x10
export const SET_TAG = 0x11
export const TAG_LENGTH = 16

/** A result that only a misuse of ours, or no memory, makes other than 1. */
export function must(result: number, call: string): void {
  if (result === 1) return
  evp.clearErrors()
  throw new Error(`OpenSSL: ${call} failed`)
}

/** A pointer that only a lack of memory makes NULL. */
export function pointer(address: number, call: string): number {
  if (address === 0) must(0, call)
  return address
}

/** The address of bytes that may be none: a view of nothing has no address worth giving. */
export function addressOrNull(bytes: Uint8Array): number {
  return bytes.length === 0 ? 0 : addressOf(bytes)
}
