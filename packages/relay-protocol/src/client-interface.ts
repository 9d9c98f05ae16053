import type { DatagramRun, IpAddress, Random } from '@weft/base'
import type { CryptoProvider, NodeId } from '@weft/keys'
import type { RelayVisitor } from './admission.ts'
import type { KnockOutcome } from './frames.ts'

/** Since 2 a relay looks, when it is asked, whether the coordinator is reached from outside. */
export type RelayVersion = 1 | 2

export interface RelayClientOptions<Place> {
  readonly crypto: CryptoProvider
  readonly random: Random
  /** The relay that is wanted: another one that answers is refused. Absent: whichever answers. */
  readonly relay?: NodeId
  /** Ways to it, all of them tried side by side; at least one. */
  readonly places: readonly Place[]
  readonly visitor: RelayVisitor
}

/** What happened. Connections are known by the number that `connect` gave them. */
export type RelayClientInput<Place> =
  | { readonly kind: 'start' }
  /** Closes all. */
  | { readonly kind: 'stop' }
  /** The ways to the relay are others now. */
  | { readonly kind: 'places'; readonly places: readonly Place[] }
  /** It is open, in that version of the protocol; before anything is received. Unless it is told, the version is 1. */
  | { readonly kind: 'opened'; readonly connection: number; readonly version: RelayVersion }
  /** It could not be opened, or was closed by the other side. `reason` is for people. */
  | { readonly kind: 'closed'; readonly connection: number; readonly reason?: string }
  | { readonly kind: 'received'; readonly connection: number; readonly message: Uint8Array }
  /** Datagrams that are too long are dropped. */
  | { readonly kind: 'send'; readonly to: NodeId; readonly run: DatagramRun }
  /** From the coordinator only. Dropped where there is no connection: all are told anew with the next. */
  | { readonly kind: 'revoke'; readonly revocation: Uint8Array }
  /** From the coordinator only, once welcome in version 2: whether it is reached at that port of the address that the relay sees. */
  | { readonly kind: 'knock'; readonly token: Uint8Array; readonly port: number }
  /** The machine's network changed, or what goes by the relay is not answered: it has to show that it is there. */
  | { readonly kind: 'doubt' }

export type RelayClientState =
  | { readonly kind: 'state'; readonly state: 'connected'; readonly rttMs: number | undefined }
  /** `reason` is for people. It is tried again and again. */
  | { readonly kind: 'state'; readonly state: 'away'; readonly reason: string }

/** What to do, or what is to be known. */
export type RelayClientOutput<Place> =
  | { readonly kind: 'connect'; readonly connection: number; readonly place: Place }
  | { readonly kind: 'disconnect'; readonly connection: number }
  /** Frames of a message, at most `MAX_MESSAGE` bytes of them; those that follow each other may go together. */
  | { readonly kind: 'send'; readonly connection: number; readonly frames: Uint8Array }
  | { readonly kind: 'datagrams'; readonly from: NodeId; readonly run: DatagramRun }
  /** What was sent to that node went nowhere. */
  | { readonly kind: 'absent'; readonly node: NodeId }
  /** To the coordinator, once it is let in, and before the state. */
  | {
      readonly kind: 'welcome'
      readonly relay: NodeId
      readonly stunPort: number | undefined
      readonly seenAt: IpAddress
      readonly version: RelayVersion
    }
  /** To the coordinator, of a `knock`. */
  | { readonly kind: 'knocked'; readonly token: Uint8Array; readonly outcome: KnockOutcome }
  /** To the coordinator: somebody waits for it there, and is to be answered with the token on a connection of its own. */
  | { readonly kind: 'caller'; readonly connection: number; readonly token: Uint8Array; readonly source: IpAddress }
  | RelayClientState
