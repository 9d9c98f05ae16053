import { assertNever, invariant } from '@weft/base'
import { type ChannelFailure, type ChannelFault, describeFault } from './channel-failure.ts'
import type { HeardMessage, MessageParts } from './channel-frames.ts'
import type { ChannelStream } from './channel-stream.ts'

/** What an end of a channel answers; `Opened` is what it knows of the other end once the channel is open. */
export type EndOutput<Opened extends object> =
  | { readonly kind: 'frame'; readonly frame: Uint8Array }
  | ({ readonly kind: 'open' } & Opened)
  | ({ readonly kind: 'message' } & HeardMessage)
  /** `message` is for people. Nothing comes any more. */
  | { readonly kind: 'failed'; readonly reason: ChannelFailure; readonly message: string }

type Stage =
  | { readonly kind: 'opening' }
  | { readonly kind: 'open'; readonly stream: ChannelStream }
  | { readonly kind: 'failed' }

/**
 * What both ends of a connection have in common. docs/protocols/channel.md
 *
 * opening: the handshake, which each end does in its own way · open: messages go both ways · failed: forever. It keeps no
 * time: who owns the connection closes it when it takes too long.
 */
export abstract class ChannelEnd<Opened extends object> {
  readonly #outputs: EndOutput<Opened>[] = []
  #stage: Stage = { kind: 'opening' }

  /** A frame that came before the channel was open. */
  protected abstract onHandshake(frame: Uint8Array): void

  receive(frame: Uint8Array): void {
    const stage = this.#stage
    switch (stage.kind) {
      case 'opening':
        this.onHandshake(frame)
        return
      case 'open':
        this.#hear(stage.stream, frame)
        return
      case 'failed':
        return
      default:
        assertNever(stage)
    }
  }

  /** Only after `open`. Nothing happens on a channel that failed. Throws `RangeError` where the message is too long. */
  send(message: string | MessageParts): void {
    if (this.#stage.kind === 'failed') return
    invariant(this.#stage.kind === 'open', 'a channel is open before a message is sent')
    for (const frame of this.#stage.stream.seal(message)) this.write(frame)
  }

  poll(): EndOutput<Opened> | undefined {
    return this.#outputs.shift()
  }

  protected write(frame: Uint8Array): void {
    this.#outputs.push({ kind: 'frame', frame })
  }

  protected transitionToOpen(stream: ChannelStream, opened: Opened): void {
    this.#stage = { kind: 'open', stream }
    this.#outputs.push({ kind: 'open', ...opened })
  }

  /** The channel is open where the first frame opens: nobody replays it. */
  protected openWith(stream: ChannelStream, opened: Opened, frame: Uint8Array): void {
    const heard = stream.open(frame)
    if (heard.kind === 'fault') {
      this.fail(heard.fault)
      return
    }
    this.transitionToOpen(stream, opened)
    if (heard.kind === 'message') this.#outputs.push(heard)
  }

  protected fail(fault: ChannelFault): void {
    this.failBecause(fault, describeFault(fault))
  }

  protected failBecause(reason: ChannelFailure, message: string): void {
    this.#stage = { kind: 'failed' }
    this.#outputs.push({ kind: 'failed', reason, message })
  }

  #hear(stream: ChannelStream, frame: Uint8Array): void {
    const heard = stream.open(frame)
    if (heard.kind === 'fault') this.fail(heard.fault)
    else if (heard.kind === 'message') this.#outputs.push(heard)
  }
}
