import { assertNever } from '@weft/base'
import type { IdentityError } from '@weft/identity'

/** What is wrong with what came. */
export type ChannelFault =
  | 'handshake-refused'
  | 'version-unknown'
  | 'frame-too-large'
  | 'frame-malformed'
  /** It does not open: altered, repeated, lost or out of order. */
  | 'frame-forged'
  | 'message-too-large'
  | 'message-not-text'

/** Why a channel is of no use any more: a fault, or the coordinator's certificate does not hold. */
export type ChannelFailure = ChannelFault | IdentityError['code']

/** What, why, what to do: for people. */
export function describeFault(fault: ChannelFault): string {
  switch (fault) {
    case 'handshake-refused':
      return 'the handshake with the coordinator failed: something between altered it, or it restarted; it is tried again'
    case 'version-unknown':
      return 'the other side speaks no version of the channel that this weft knows: update the older one'
    case 'frame-too-large':
    case 'frame-malformed':
    case 'message-too-large':
    case 'message-not-text':
      return 'what came on the channel is no message of weft: update the older side'
    case 'frame-forged':
      return 'what came on the channel was altered on the way: it was closed and is opened anew'
    default:
      return assertNever(fault)
  }
}
