/**
 * `websocket-junk URL`: for each line of its input, opens the coordinator's channel and sends the line's parts, in
 * hexadecimal and parted by spaces, as binary frames; prints the close codes.
 */
import { createInterface } from 'node:readline'

const url = process.argv[2] ?? ''
for await (const line of createInterface({ input: process.stdin })) {
  const code = await new Promise((resolve) => {
    const socket = new WebSocket(url, 'weft.channel.1')
    const timer = setTimeout(() => socket.close(), 2_000)
    socket.onopen = () => {
      for (const part of line.split(' ')) socket.send(Buffer.from(part, 'hex'))
    }
    socket.onerror = () => {}
    socket.onclose = (event) => {
      clearTimeout(timer)
      resolve(event.code)
    }
  })
  console.log(code)
}
