/** `tcp-junk HOST PORT` or `tcp-junk PATH`: sends each line of its input, in hexadecimal, on a connection of its own. */
import { connect } from 'node:net'
import { createInterface } from 'node:readline'

const [host = '', port] = process.argv.slice(2)
let sent = 0
for await (const line of createInterface({ input: process.stdin })) {
  await new Promise<void>((resolve) => {
    const socket = port === undefined ? connect({ path: host }) : connect({ host, port: Number(port) })
    socket.setTimeout(2_000, () => socket.destroy())
    socket.on('error', () => {})
    socket.on('close', () => resolve())
    socket.resume()
    socket.on('connect', () => socket.end(Buffer.from(line, 'hex')))
  })
  sent++
}
console.log(sent)
