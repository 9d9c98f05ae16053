import type { Random, WallTime } from '@weft/base'
import type { LinkEndpoint } from '@weft/identity'
import type { CryptoProvider, NodeId, PrivateKey, PublicKey } from '@weft/keys'
import type { ErrorCode, Method, Params, Result } from './messages.ts'
import type { Netmap, NetmapChange } from './netmap.ts'
import type { OwnProof } from './netmap-subscription.ts'

/** What its owner may ask the coordinator; the client subscribes, and brings back, by itself. */
export type ClientMethod = Exclude<Method, 'subscribe' | 'bring-back'>

export type ClientRequest = {
  [M in ClientMethod]: {
    readonly kind: 'request'
    readonly method: M
    readonly params: Params<M>
    /** Of the caller's choosing: the answer carries it. */
    readonly token: number
  }
}[ClientMethod]

export interface ClientOptions {
  readonly crypto: CryptoProvider
  readonly random: Random
  readonly coordinatorKey: PublicKey<'coordinator'>
  readonly channelKey: PrivateKey<'channel'>
  /** At least one; all lead to the one coordinator, or to nothing. */
  readonly endpoints: readonly LinkEndpoint[]
  /** As the input `subscribe`. */
  readonly subscription?: { readonly node: NodeId; readonly held?: Netmap; readonly proof?: OwnProof }
}

/** What happened. Connections are known by the number that `connect` gave them. */
export type ClientInput =
  | { readonly kind: 'start' }
  /** Closes all and answers what waits. */
  | { readonly kind: 'stop' }
  /** The WebSocket is open. */
  | { readonly kind: 'connected'; readonly connection: number }
  /** It could not be opened, or was closed by the other side. `reason` is for people: `connection refused`. */
  | { readonly kind: 'closed'; readonly connection: number; readonly reason?: string }
  | { readonly kind: 'received'; readonly connection: number; readonly frame: Uint8Array }
  | ClientRequest
  /** From now on netmaps are wanted for this node; `held` is the last one that is known. */
  | { readonly kind: 'subscribe'; readonly node: NodeId; readonly held?: Netmap; readonly proof?: OwnProof }
  /** The ways to the coordinator are these now; from the next try on. */
  | { readonly kind: 'endpoints'; readonly endpoints: readonly LinkEndpoint[] }
  /** The machine's addresses changed, or it woke up. */
  | { readonly kind: 'network-changed' }

export interface ClientError {
  readonly code:
    | ErrorCode
    /** No connection to the coordinator, or it was lost: what was asked may have been done or not. */
    | 'away'
    /** No answer for 10 seconds. */
    | 'timeout'
    | 'stopped'
    | 'answer-malformed'
  /** For people: what, why, what to do. */
  readonly message: string
}

/** Every request gets exactly one. */
export type ClientAnswer =
  | {
      [M in ClientMethod]: {
        readonly kind: 'answer'
        readonly token: number
        readonly method: M
        readonly result: Result<M>
      }
    }[ClientMethod]
  | {
      readonly kind: 'answer'
      readonly token: number
      readonly method: ClientMethod
      readonly error: ClientError
    }

export type ClientState =
  /** Since the start, nothing has been reached yet. */
  | { readonly kind: 'state'; readonly state: 'connecting'; readonly since: WallTime }
  | { readonly kind: 'state'; readonly state: 'connected'; readonly since: WallTime; readonly endpoint: LinkEndpoint }
  /** `reason` is for people. It is tried again and again. */
  | { readonly kind: 'state'; readonly state: 'away'; readonly since: WallTime; readonly reason: string }

/** What to do, or what is to be known. */
export type ClientOutput =
  | { readonly kind: 'connect'; readonly connection: number; readonly endpoint: LinkEndpoint }
  /** Also of one that is not open yet; harmless where it is closed. */
  | { readonly kind: 'disconnect'; readonly connection: number }
  | { readonly kind: 'send'; readonly connection: number; readonly frame: Uint8Array }
  | ClientAnswer
  /** A whole netmap, in place of what was held. */
  | { readonly kind: 'netmap'; readonly netmap: Netmap }
  /** `netmap` is what the change led to. */
  | { readonly kind: 'change'; readonly change: NetmapChange; readonly netmap: Netmap }
  /** This device is one of the mesh no more: base64. Whether it holds is its owner's to see. */
  | { readonly kind: 'removed'; readonly revocation: string }
  | ClientState

/** For people: what a connection leads to. */
export function linkEndpointText(endpoint: LinkEndpoint): string {
  return endpoint.kind === 'url' ? endpoint.url : `http://${endpoint.endpoint}`
}
