/*
 * odd-resolver ADDRESS LOOP: a resolver on port 53 of the address that misbehaves by the first label of the name: `late` is not answered,
 * `liar` by TCP with a length that is a lie and by UDP cut off, `loop` is asked of the resolver LOOP, nothing is below `lan`
 * and `weft` or without a dot, and others have the address 203.0.113.9.
 */
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { type DecodedPacket, decode, encode } from 'dns-packet'

const NXDOMAIN = 3
const [address = '', loop = ''] = process.argv.slice(2)
const udp = createSocket('udp4')
udp.on('message', (message, from) => {
  const question = decode(message)
  const label = labelOf(question)
  if (label === 'late') return
  if (label === 'loop') {
    console.log('looping')
    const asking = createSocket('udp4')
    asking.on('message', (answer) => udp.send(answer, from.port, from.address))
    asking.send(message, 53, loop)
    return
  }
  const answer = answerTo(question, label)
  udp.send(label === 'liar' ? answer.subarray(0, -3) : answer, from.port, from.address)
})
const tcp = createServer((socket) => {
  socket.on('error', () => undefined)
  socket.once('data', (data: Buffer) => {
    const question = decode(data.subarray(2))
    const label = labelOf(question)
    const answer = answerTo(question, label)
    const length = Buffer.alloc(2)
    length.writeUInt16BE(label === 'liar' ? 65_535 : answer.length)
    socket.end(Buffer.concat([length, answer]))
  })
})
udp.bind(53, address, () => tcp.listen(53, address, () => console.log('listening')))

function labelOf({ questions = [] }: DecodedPacket): string {
  return questions[0]?.name.split('.')[0] ?? ''
}

function answerTo({ id, questions = [] }: DecodedPacket, label: string): Buffer {
  const name = questions[0]?.name ?? ''
  if (/^[^.]*$|\.(?:lan|weft)$/.test(name)) return encode({ type: 'response', id, flags: 0x0180 | NXDOMAIN, questions })
  const count = label === 'long' ? 200 : 1
  const answers = Array.from(
    { length: count },
    (_, i) => ({ type: 'A', name, ttl: 60, data: `203.0.113.${count > 1 ? i : 9}` }) as const,
  )
  return encode({ type: 'response', id, flags: 0x0180, questions, answers })
}
