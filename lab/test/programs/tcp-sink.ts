/** `tcp-sink PORT`: takes one connection on every address; prints how many bytes came, and their SHA-256. */
import { createHash } from 'node:crypto'
import { createServer } from 'node:net'

const server = createServer({ allowHalfOpen: true }, (socket) => {
  server.close()
  const hash = createHash('sha256')
  let bytes = 0
  socket.on('data', (chunk) => {
    hash.update(chunk)
    bytes += chunk.length
  })
  socket.on('end', () => {
    console.log(`received ${bytes} ${hash.digest('hex')}`)
    socket.end()
  })
})
server.listen(Number(process.argv[2]), '::', () => console.log('listening'))
