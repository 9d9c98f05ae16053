import { Socket } from 'node:net'
import { concatBytes, endpointParts, familyOf, viewOf } from '@weft/base'
import type { UpstreamResolver } from '@weft/dns'
import { openBoundSocket } from './bound-socket.ts'
import type { QuestionHooks } from './dns-client.ts'
import { scoped } from './udp-question.ts'

const PREFIX = 2

/** One question and one answer on a connection of its own. @returns how it is closed. */
export function askByTcp(upstream: UpstreamResolver, message: Uint8Array, hooks: QuestionHooks): () => void {
  const { address, port } = endpointParts(upstream.endpoint)
  const { interfaceName } = upstream
  const socket =
    interfaceName === undefined
      ? new Socket()
      : new Socket({ fd: openBoundSocket('tcp', familyOf(address), interfaceName) })
  let received: Uint8Array = new Uint8Array(0)
  socket.on('error', hooks.onFailed)
  // An answer that is shorter than it says.
  socket.on('close', hooks.onFailed)
  socket.on('data', (data: Uint8Array) => {
    received = concatBytes(received, data)
    const length = received.length < PREFIX ? Number.POSITIVE_INFINITY : PREFIX + viewOf(received).getUint16(0)
    if (received.length < length) return
    hooks.onAnswer(received.slice(PREFIX, length))
    socket.destroy()
  })
  socket.connect({ host: scoped(address, upstream), port }, () => {
    const prefix = new Uint8Array(PREFIX)
    viewOf(prefix).setUint16(0, message.length)
    socket.write(concatBytes(prefix, message))
  })
  return () => socket.destroy()
}
