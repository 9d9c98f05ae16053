/** The C library and the OpenSSL inside Node.js, called through FFI with numeric pointers. */
export { addressOf, bind, checked, errnoCode, SystemError } from './library.ts'
