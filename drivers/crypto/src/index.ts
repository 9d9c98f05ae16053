/** The crypto provider on OpenSSL, held to the same vectors as the portable one; the system's random; a lane's ciphers. */
export { nativeCrypto } from './native-crypto.ts'
export {
  composedSessionCiphers,
  evpSessionCiphers,
  SESSION_CIPHER_SLACK,
  type SessionCipher,
  type SessionCipherFactory,
  sessionCiphers,
} from './session-cipher.ts'
export { systemRandom } from './system-random.ts'
