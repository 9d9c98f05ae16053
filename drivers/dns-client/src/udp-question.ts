import { createSocket } from 'node:dgram'
import { endpointParts, familyOf } from '@weft/base'
import type { UpstreamResolver } from '@weft/dns'
import { openBoundSocket } from './bound-socket.ts'
import type { QuestionHooks } from './dns-client.ts'

/** @returns how it is closed. */
export function askByUdp(upstream: UpstreamResolver, message: Uint8Array, hooks: QuestionHooks): () => void {
  const { address, port } = endpointParts(upstream.endpoint)
  const family = familyOf(address)
  const socket = createSocket(family === 4 ? 'udp4' : 'udp6')
  let isClosed = false
  const close = (): void => {
    if (isClosed) return
    isClosed = true
    socket.close()
  }
  socket.on('error', hooks.onFailed)
  socket.on('message', (answer) => hooks.onAnswer(new Uint8Array(answer)))
  const { interfaceName } = upstream
  const place =
    interfaceName === undefined
      ? { port: 0, exclusive: true }
      : { fd: openBoundSocket('udp', family, interfaceName), exclusive: true }
  socket.bind(place, () => {
    if (isClosed) return
    socket.connect(port, scoped(address, upstream), () => {
      if (!isClosed) socket.send(message, (error) => error !== null && hooks.onFailed())
    })
  })
  return close
}

/** A link-local address means something on one interface only. */
export function scoped(address: string, { interfaceName }: UpstreamResolver): string {
  return interfaceName !== undefined && address.startsWith('fe80:') ? `${address}%${interfaceName}` : address
}
