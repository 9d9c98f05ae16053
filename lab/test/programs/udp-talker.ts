/**
 * `udp-talker PORT…`: sends what it is told on standard input, a line each: `PORT HOST HOST_PORT TEXT`; prints what it
 * hears as `heard TEXT at PORT from HOST:HOST_PORT`, and answers `who? TEXT` with `you are HOST:HOST_PORT TEXT`.
 */
import { createSocket, type Socket } from 'node:dgram'
import { createInterface } from 'node:readline'

const sockets = new Map<string, Socket>()
for (const port of process.argv.slice(2)) {
  const socket = createSocket('udp4')
  socket.on('message', (data, from) => {
    const text = data.toString()
    console.log(`heard ${text} at ${port} from ${from.address}:${from.port}`)
    if (text.startsWith('who?'))
      socket.send(`you are ${from.address}:${from.port}${text.slice(4)}`, from.port, from.address)
  })
  await new Promise<void>((resolve) => socket.bind(Number(port), resolve))
  sockets.set(port, socket)
}
console.log('talking')
createInterface({ input: process.stdin }).on('line', (line) => {
  const [port = '', host = '', hostPort = '', ...text] = line.split(' ')
  sockets.get(port)?.send(text.join(' '), Number(hostPort), host)
})
