import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** On loopback; free at this moment, and mostly for the next ones. */
export async function freePort(transport: 'tcp' | 'udp'): Promise<number> {
  const socket = transport === 'udp' ? createSocket('udp4') : createServer()
  if ('bind' in socket) socket.bind(0, '127.0.0.1')
  else socket.listen(0, '127.0.0.1')
  await once(socket, 'listening')
  const bound = socket.address()
  socket.close()
  await once(socket, 'close')
  if (bound === null || typeof bound === 'string') throw new Error('no port')
  return bound.port
}
