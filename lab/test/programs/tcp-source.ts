/** `tcp-source HOST PORT BYTES`: sends so many unpredictable bytes; prints their SHA-256. */
import { createCipheriv, createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'

const [host = '', port = '', bytes = ''] = process.argv.slice(2)
const zeros = Buffer.alloc(256 * 1024)
const keystream = createCipheriv('aes-128-ctr', randomBytes(16), randomBytes(16))
const hash = createHash('sha256')
const socket = connect({ host, port: Number(port) })
await once(socket, 'connect')
for (let left = Number(bytes); left > 0; ) {
  const block = keystream.update(zeros.subarray(0, Math.min(left, zeros.length)))
  hash.update(block)
  left -= block.length
  if (!socket.write(block)) await once(socket, 'drain')
}
socket.end()
socket.resume()
await once(socket, 'close')
console.log(hash.digest('hex'))
