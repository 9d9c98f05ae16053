import { setFlagsFromString } from 'node:v8'

/**
 * For a program through which relayed datagrams pass: their buffers, 64 KiB each, live for a moment. V8 counts them against the limit of
 * what stays, and so marks the whole heap several times a second; this lets it count them by themselves.
 */
export function expectPassingBuffers(): void {
  setFlagsFromString('--external-memory-accounted-in-global-limit')
}
