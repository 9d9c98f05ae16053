import type { RawData, WebSocket } from 'ws'

/** Nodes ping their coordinator every 7 s: who is silent for so long, in ms, is gone. */
const SILENCE_MS = 30_000
/** What the system has not taken yet: until it has, the other side is not read. */
const SOCKET_BYTES = 64 * 1024
// RFC 6455 §7.4.1
const UNSUPPORTED = 1003
const GOING_AWAY = 1001

/** What one says is said to the other, as it is, no faster than it reads; the end of one is the other's. */
export function splice(a: WebSocket, b: WebSocket): void {
  const silence = setTimeout(() => {
    a.terminate()
    b.terminate()
  }, SILENCE_MS)
  pass(a, b, silence)
  pass(b, a, silence)
}

function pass(from: WebSocket, to: WebSocket, silence: NodeJS.Timeout): void {
  from.on('message', (data: RawData, isBinary: boolean) => {
    silence.refresh()
    if (!isBinary || !(data instanceof Uint8Array)) {
      from.close(UNSUPPORTED)
      return
    }
    if (to.readyState !== to.OPEN) return
    to.send(data, () => {
      if (from.isPaused && to.bufferedAmount < SOCKET_BYTES) from.resume()
    })
    if (to.bufferedAmount >= SOCKET_BYTES) from.pause()
  })
  from.on('error', () => {})
  from.on('close', () => {
    clearTimeout(silence)
    if (to.readyState !== to.OPEN) return
    to.resume()
    to.close(GOING_AWAY)
    setTimeout(() => to.terminate(), 1_000).unref()
  })
}
