/** 2^255 - 19, the order of the field. */
const FIELD = 2n ** 255n - 19n

/** The y-coordinates of the eight points of small order. RFC 8032's curve; both signs of x share a y. */
const SMALL_ORDER_Y: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  FIELD - 1n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
  0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
])

/**
 * A key whose signatures both providers judge alike: encoded canonically, and not of small order (under such a key one
 * signature holds for many messages). OpenSSL itself accepts either.
 */
export function isAcceptableEd25519Key(publicKey: Uint8Array): boolean {
  if (publicKey.length !== 32) return false
  const y = BigInt(`0x${publicKey.toReversed().toHex()}`) & (2n ** 255n - 1n)
  return y < FIELD && !SMALL_ORDER_Y.has(y)
}
