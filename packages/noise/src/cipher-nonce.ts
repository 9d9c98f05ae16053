import { viewOf } from '@weft/base'

/** ChaChaPoly's nonce: 4 zero bytes ‖ the counter in 64 bits, little-endian. Noise §12.3. Counters stay below 2^53. */
export function cipherNonce(counter: number): Uint8Array {
  const nonce = new Uint8Array(12)
  const view = viewOf(nonce)
  view.setUint32(4, counter >>> 0, true)
  view.setUint32(8, Math.floor(counter / 2 ** 32), true)
  return nonce
}
