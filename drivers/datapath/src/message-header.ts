/** `struct msghdr` on 64-bit Linux: its size, and where its fields lie. */
export const MSGHDR = { bytes: 56, name: 0, nameLength: 8, iov: 16, iovCount: 24, control: 32, controlLength: 40 }
/** `struct iovec`: an address and a length of 8 bytes each. */
export const IOVEC_BYTES = 16
