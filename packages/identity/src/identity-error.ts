export type IdentityErrorCode =
  | 'record-malformed'
  | 'record-forged'
  | 'certificate-malformed'
  | 'certificate-forged'
  | 'chain-malformed'
  /** Signed by the root of another mesh. */
  | 'chain-foreign'
  /** Certificates that do not follow from each other. */
  | 'chain-broken'
  | 'chain-expired'
  | 'chain-not-yet-valid'
  | 'revocation-malformed'
  | 'revocation-forged'
  /** Signed in the name of another mesh. */
  | 'revocation-foreign'
  | 'link-malformed'
  | 'link-mistyped'
  | 'link-newer'
  | 'root-file-malformed'
  /** Not as it was written. */
  | 'root-file-damaged'
  | 'root-file-newer'
  /** Of another mesh, or from before the account was made. */
  | 'root-file-foreign'
  | 'channel-certificate-malformed'
  | 'channel-certificate-forged'
  | 'channel-certificate-expired'
  | 'channel-certificate-not-yet-valid'

/** Something that was shown as proof and is none. The message is for people: what, why, what to do. */
export class IdentityError extends Error {
  override readonly name = 'IdentityError'
  readonly code: IdentityErrorCode

  constructor(code: IdentityErrorCode, message: string) {
    super(message)
    this.code = code
  }
}
