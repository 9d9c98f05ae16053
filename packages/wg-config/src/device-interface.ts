import type { LogFields } from '@weft/base'
import type { DatapathCommand, DatapathReport } from '@weft/datapath'
import type { Request } from './request.ts'

/** A client of the configuration socket, numbered by the device's owner. */
export type ClientId = number

/** What the device is told. */
export type WgInput =
  /** The client asks nothing more before it is answered. */
  | { readonly kind: 'request'; readonly client: ClientId; readonly request: Request }
  | { readonly kind: 'report'; readonly report: DatapathReport }
  /** Of the interface, in bytes. */
  | { readonly kind: 'mtu'; readonly mtu: number }

/** What its owner has to do. */
export type WgOutput =
  | { readonly kind: 'datapath'; readonly command: DatapathCommand }
  /** `isLast`: the client is to be hung up on. */
  | { readonly kind: 'answer'; readonly client: ClientId; readonly text: string; readonly isLast: boolean }
  | {
      readonly kind: 'log'
      readonly level: 'debug' | 'info' | 'warn' | 'error'
      readonly event: string
      readonly fields?: LogFields
    }
  /** The interface is gone, or the fast path. */
  | { readonly kind: 'ended'; readonly reason: string }
