import { type PeerIndex, StagedPackets } from '@weft/wireguard'
import { type Activity, type Path, STAGED_LIMIT } from './datapath.ts'
import { PeerSessions, type SessionIndex } from './peer-sessions.ts'

/** What the forwarder knows of one peer. */
export class ForwarderPeer {
  readonly index: PeerIndex
  readonly sessions: PeerSessions
  readonly roams: boolean
  readonly staged = new StagedPackets(STAGED_LIMIT)
  path: { readonly route: Path; readonly mtu: number } | undefined
  /** The longest segment of TCP that is made for the path where the kernel leaves that to us; the path may carry longer packets in fragments. */
  segmentLimit: number = Number.MAX_SAFE_INTEGER
  /** `session-wanted` was reported, and nothing came of it yet. */
  wantsSession = false
  watchesSent = false
  watchesReceived = false

  constructor(index: PeerIndex, roams: boolean, sessions: SessionIndex) {
    this.index = index
    this.roams = roams
    this.sessions = new PeerSessions(sessions)
  }

  watch(activity: Activity): void {
    if (activity === 'sent') this.watchesSent = true
    else this.watchesReceived = true
  }
}
