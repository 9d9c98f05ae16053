/** Why a handshake message went no further. No state has changed where one is given. */
export type HandshakeDropReason =
  /** Neither initiation nor response, by type and length. */
  | 'not-a-handshake'
  | 'mac1-wrong'
  /** Cookies are not answered yet: nothing of ours asks for one. */
  | 'cookie-reply-not-expected'
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
