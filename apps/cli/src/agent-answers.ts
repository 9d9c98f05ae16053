import type { ControlAnswers, PingLine as PingLineOfAgent } from '@weft/agent'
import type { Brand } from '@weft/base'

/** As JSON tells it, where no brand is seen. */
type Told<T> =
  T extends Brand<string, string>
    ? string
    : T extends string | number | boolean | null | undefined
      ? T
      : { readonly [K in keyof T]: Told<T[K]> }

/** What the agent answers; `--json` passes it on as it came. */
type Answers = Told<ControlAnswers>

export type AgentStatus = Answers['status']
export type SelfStatus = NonNullable<AgentStatus['self']>
export type RelayState = AgentStatus['relay']
export type PeerStatus = AgentStatus['peers'][number]
export type PeerPath = PeerStatus['path']
export type RefusedPeer = AgentStatus['refused'][number]
export type MovedPlace = AgentStatus['moved'][number]
export type PlaceHolder = MovedPlace['holder']
export type Trusted = Answers['trust']
export type Netcheck = Answers['netcheck']
export type RemovedDevice = Answers['remove']
export type Rotation = Answers['rotate-key']
export type CreatedLink = Answers['link-create']
export type ListedLink = Answers['link-list']['links'][number]
export type MeshRecord = Answers['name-list']['records'][number]
export type RelayList = Answers['relay-list']
export type ListedRelay = RelayList['relays'][number]
export type PingLine = Told<PingLineOfAgent>

export function describePath(path: PeerPath): string {
  switch (path.kind) {
    case 'direct':
      return `direct ${path.endpoint}`
    case 'relayed':
      return path.why === undefined ? 'relayed' : `relayed: ${path.why}`
    case 'idle':
      return 'idle'
    case 'none':
      return 'no path'
  }
}
