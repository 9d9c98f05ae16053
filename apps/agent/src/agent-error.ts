export type AgentErrorCode =
  /** The stored membership lacks a part of it. */
  | 'state-incomplete'
  | 'already-joined'
  /** A second mesh; one is enough for now. */
  | 'other-mesh'
  | 'not-joined'
  | 'removed'
  | 'down'
  | 'busy'
  | 'coordinator-away'
  | 'coordinator-refused'
  | 'link-refused'
  | 'tun-refused'
  | 'interface-refused'
  | 'port-refused'
  | 'unknown-peer'
  | 'closing'

/** What the agent could not do. The message is one line: what, why, what to do. */
export class AgentError extends Error {
  override readonly name = 'AgentError'
  readonly code: AgentErrorCode | (string & {})

  constructor(code: AgentErrorCode | (string & {}), message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}

export const removedError = (): AgentError =>
  new AgentError(
    'removed',
    'this device was removed from the mesh; it joins again, as a new one, with a new link: sudo weft up LINK',
  )

export const unknownPeerError = (peer: string): AgentError =>
  new AgentError('unknown-peer', `no peer is called ${peer}; see who there is with: weft status`)

/** The error's own line, whatever it is. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
