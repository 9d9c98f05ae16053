/** `struct msghdr` on 64-bit Linux: its size, and where its fields lie. */
export const MSGHDR = { bytes: 56, name: 0, nameLength: 8, iov: 16, iovCount: 24, control: 32, controlLength: 40 }
/** `struct mmsghdr`: a msghdr, the length that was received, and padding. */
export const MMSGHDR = { bytes: 64, length: 56 }
/** `struct iovec`: an address and a length of 8 bytes each. */
export const IOVEC_BYTES = 16
/** `struct cmsghdr`: length u64 with itself, level i32, type i32; the data behind it are padded to 8 bytes. */
export const CMSG_HEADER_BYTES = 16
export const SOL_UDP = 17
/** Of one control message with the length of segments: u16 to send (`UDP_SEGMENT`), i32 when received (`UDP_GRO`). */
export const SEGMENT_SPACE = 24
export const UDP_SEGMENT = 103
export const UDP_GRO = 104
