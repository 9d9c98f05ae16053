/*
 * dns-ask ADDRESS PORT: one question a line, as `NAME TYPE`, is asked by UDP, one after the other; what came back is written as
 * one line of JSON each.
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { decode, encode } from 'dns-packet'

const [address = '', port = ''] = process.argv.slice(2)
const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
socket.connect(Number(port), address)
await once(socket, 'connect')

for await (const line of createInterface({ input: process.stdin })) {
  const [name = '', type = ''] = line.split(' ')
  const id = Math.floor(Math.random() * 65_536)
  socket.send(encode({ type: 'query', id, flags: 0x0100, questions: [{ name, type: type as 'A' }] }))
  const answer = await answerTo(id)
  console.log(JSON.stringify(answer))
}
socket.close()

async function answerTo(id: number): Promise<unknown> {
  for (;;) {
    const [message] = await once(socket, 'message', { signal: AbortSignal.timeout(10_000) })
    const answer = decode(message)
    if (answer.id === id) return answer
  }
}
