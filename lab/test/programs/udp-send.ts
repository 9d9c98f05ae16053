/** `udp-send HOST PORT`: sends each line of its input, in hexadecimal, as a datagram; prints how many. */
import { createSocket } from 'node:dgram'
import { createInterface } from 'node:readline'
import { setImmediate as turn } from 'node:timers/promises'

const [host = '', port = ''] = process.argv.slice(2)
const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
let sent = 0
for await (const line of createInterface({ input: process.stdin })) {
  await new Promise<void>((resolve, reject) =>
    socket.send(Buffer.from(line, 'hex'), Number(port), host, (error) => (error === null ? resolve() : reject(error))),
  )
  // A receiver on the same cores must keep up: what its socket drops would prove nothing.
  if (++sent % 16 === 0) await turn()
}
socket.close()
console.log(sent)
