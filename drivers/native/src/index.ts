/** The C library and the OpenSSL inside Node.js, called through FFI with numeric pointers. */
export { Arena, setUint64 } from './arena.ts'
export { bootMilliseconds } from './clock.ts'
export { closeDescriptor, WakeSignal } from './descriptors.ts'
export { tryLock } from './file-lock.ts'
export { addressOf, bind, bindInBackground, checked, errnoCode, errnoName, SystemError } from './library.ts'
export { type PeerCredentials, peerCredentials } from './peer-credentials.ts'
