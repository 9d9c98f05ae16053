import { createCertificate } from '@weft/identity'
import type { CryptoProvider, PrivateKey, PublicKey } from '@weft/keys'

const DAY = 24 * 3_600
/** An account outlives the devices that it lets in. */
const ACCOUNT_SECONDS = 30 * 365 * DAY
/** Devices whose clock is behind believe the account too. */
const BACKDATED_SECONDS = DAY

/** An account's key, and within what time it may let devices in. Times are seconds since 1970. */
export interface AccountSigner {
  readonly key: PrivateKey<'account'>
  readonly notBefore: number
  readonly grantsUntil: number
}

export function createAccountCertificate(options: {
  readonly account: PublicKey<'account'>
  readonly root: PrivateKey<'root'>
  readonly at: number
  readonly crypto: CryptoProvider
}): Uint8Array {
  const { account, root, at, crypto } = options
  const end = at + ACCOUNT_SECONDS
  return createCertificate(
    { kind: 'account', subject: account, notBefore: at - BACKDATED_SECONDS, notAfter: end, grantsUntil: end, tags: [] },
    root,
    crypto,
  )
}
