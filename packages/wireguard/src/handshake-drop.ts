/** Why a handshake message went no further. No state has changed where one is given. */
export type HandshakeDropReason =
  /** Neither initiation nor response, by type and length. */
  | 'not-a-handshake'
  | 'mac1-wrong'
  /** No message of ours of that index may have asked for it, or it was answered already. */
  | 'cookie-reply-not-expected'
  | 'cookie-reply-not-authentic'
  /** We are under load, and mac2 does not prove its source: a cookie went there. */
  | 'cookie-sent'
  /** We are under load, and its source had its share. */
  | 'source-limited'
  /** We have no private key. */
  | 'no-private-key'
  /** A peer's key, or an ephemeral one, has small order. */
  | 'shared-secret-zero'
  | 'initiation-not-authentic'
  | 'initiator-unknown'
  /** Its timestamp is not later than the last one of that peer. */
  | 'initiation-replayed'
  | 'initiations-too-frequent'
  /** No initiation of that index waits for a response. */
  | 'response-not-awaited'
  | 'response-not-authentic'
