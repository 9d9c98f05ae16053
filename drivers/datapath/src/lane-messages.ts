import type { MessagePort } from 'node:worker_threads'
import type { Duration } from '@weft/base'
import { type DatapathCommand, type DatapathReport, DROPS_BYTES, METERS_BYTES } from '@weft/datapath'
import type { LaneErrorCode } from './lane-error.ts'

/**
 * A TUN to be made, `plain` without offloads; the open descriptor of a TUN that was made already; or one that gives and takes one
 * packet a call. The lane owns it from then on.
 */
export type PortSource =
  | { readonly kind: 'tun'; readonly name: string; readonly mtu: number; readonly plain?: boolean }
  | { readonly kind: 'tun-fd'; readonly fd: number }
  | { readonly kind: 'fd'; readonly fd: number }

/** Memory that the lane and the main thread read and write at any time. */
export interface LaneMemory {
  /** `BEATS` and what has been consumed, 32-bit words that wrap. */
  readonly control: SharedArrayBuffer
  readonly meters: SharedArrayBuffer
  readonly drops: SharedArrayBuffer
}

/** Counts the node's beats. */
export const BEATS = 0
/** Counts the bounded reports that the node has taken. */
export const CONSUMED = 1
/** Counts the slots of what it has taken for relays. */
export const CONSUMED_RELAYED = 2
/** Counts the slots of what the lane has taken from relays. */
export const RECEIVED_RELAYED = 3
const CONTROL_WORDS = 4

export function allocateLaneMemory(): LaneMemory {
  return {
    control: new SharedArrayBuffer(CONTROL_WORDS * 4),
    meters: new SharedArrayBuffer(METERS_BYTES),
    drops: new SharedArrayBuffer(DROPS_BYTES),
  }
}

/** What a lane's thread is started with. */
export interface LaneStart {
  readonly port: PortSource
  readonly memory: LaneMemory
  readonly heartbeatLimit: Duration
  /** Rings when there are commands. */
  readonly wakeFd: number
  readonly inbox: MessagePort
}

export type LaneCommand = DatapathCommand | { readonly kind: 'stop' }

/** What comes from a lane's thread. A bounded report is to be counted when it is taken. */
export type LaneMessage =
  | { readonly kind: 'ready'; readonly portName: string }
  | { readonly kind: 'refused'; readonly code: LaneErrorCode; readonly message: string }
  | { readonly kind: 'report'; readonly report: DatapathReport; readonly isBounded: boolean }

/** What can be handed over instead of being copied: a buffer that has these bytes and no others. */
export function wholeBuffer({ buffer, byteLength }: Uint8Array): ArrayBuffer[] {
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : []
}
