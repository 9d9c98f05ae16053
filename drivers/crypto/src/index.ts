/** The crypto provider on OpenSSL, held to the same vectors as the portable one; the system's random; a lane's cipher. */
export { nativeCrypto } from './native-crypto.ts'
export { SessionCipher } from './session-cipher.ts'
export { systemRandom } from './system-random.ts'
