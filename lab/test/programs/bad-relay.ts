/**
 * `bad-relay PORT UPSTREAM`: stands before an honest relay, and does to what passes it as the last line of its input says:
 *
 *   honest     carries                         mute       answers for itself, and carries nothing
 *   lossy      loses every tenth               stalls     says nothing more, and hears nothing
 *   disorder   doubles, delays, reorders       impostor   gives another sender for everything
 *   foreign    adds frames of another mesh, forged and old ones      absent  also says that nobody is there
 *   oversized  frames that are too long        enormous   messages that are too long
 */
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import { WebSocket, WebSocketServer } from 'ws'

const [port = '', upstream = ''] = process.argv.slice(2)
const HEADER = 3
const ID_LENGTH = 16
const DATAGRAM = 4
const ABSENT = 5
const KEPT = 32
let mode = 'honest'

type Send = (message: Buffer) => void

/** `back`: to whom the datagram came from. */
function carry(frame: Buffer, isToNode: boolean, send: Send, back: Send): void {
  switch (mode) {
    case 'lossy':
      if (Math.random() >= 0.1) send(frame)
      return
    case 'disorder':
      for (let copy = 0; copy < 2; copy++) setTimeout(() => send(frame), Math.random() * 60)
      return
    case 'mute':
      return
    case 'impostor':
      send(isToNode ? withNode(frame, randomBytes(ID_LENGTH)) : frame)
      return
    case 'foreign':
      send(frame)
      if (isToNode) for (const other of foreign(frame)) send(other)
      return
    case 'absent':
      send(frame)
      if (!isToNode) back(framed(ABSENT, frame.subarray(HEADER, HEADER + ID_LENGTH)))
      return
    case 'oversized':
      send(isToNode ? framed(DATAGRAM, randomBytes(ID_LENGTH + 3_000)) : frame)
      return
    case 'enormous':
      send(isToNode ? randomBytes(1024 * 1024) : frame)
      return
    default:
      send(frame)
  }
}

const kept: Buffer[] = []

function foreign(frame: Buffer): readonly Buffer[] {
  const forged = Buffer.from(frame)
  forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1
  kept.push(frame)
  const old = kept.length > KEPT ? kept.splice(0, 1) : []
  const sender = frame.subarray(HEADER, HEADER + ID_LENGTH)
  const initiation = Buffer.concat([sender, Buffer.of(1, 0, 0, 0), randomBytes(144)])
  return [withNode(frame, randomBytes(ID_LENGTH)), forged, ...old, framed(DATAGRAM, initiation)]
}

function withNode(frame: Buffer, id: Buffer): Buffer {
  return Buffer.concat([frame.subarray(0, HEADER), id, frame.subarray(HEADER + ID_LENGTH)])
}

function framed(type: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.of(type, body.length >> 8, body.length & 0xff), body])
}

function framesOf(message: Buffer): readonly Buffer[] {
  const frames: Buffer[] = []
  for (let at = 0; at < message.length; ) {
    const end = at + HEADER + message.readUInt16BE(at + 1)
    frames.push(message.subarray(at, end))
    at = end
  }
  return frames
}

function join(node: WebSocket, relay: WebSocket): void {
  const pass = (from: WebSocket, to: WebSocket, isToNode: boolean) => {
    const sendTo = (socket: WebSocket) => (message: Buffer) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(message)
    }
    from.on('message', (message: Buffer) => {
      for (const frame of mode === 'stalls' ? [] : framesOf(message))
        if (frame[0] === DATAGRAM) carry(frame, isToNode, sendTo(to), sendTo(from))
        else sendTo(to)(frame)
    })
    from.on('close', () => to.close())
    from.on('error', () => to.terminate())
  }
  pass(node, relay, false)
  pass(relay, node, true)
}

const server = createServer((_, response) => response.writeHead(404).end())
server.on('upgrade', (request, socket, head) => {
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(/, */)
  const relay = new WebSocket(new URL(request.url ?? '/', upstream.replace('http', 'ws')), offered)
  relay.on('error', () => socket.destroy())
  // What the relay says first waits for the node.
  relay.on('upgrade', () => relay.pause())
  relay.once('open', () => {
    const front = new WebSocketServer({ noServer: true, handleProtocols: () => relay.protocol })
    front.handleUpgrade(request, socket, head, (node) => {
      join(node, relay)
      relay.resume()
    })
  })
})
server.listen(Number(port), '::', () => console.log('listening'))
for await (const line of createInterface({ input: process.stdin })) {
  mode = line
  console.log(`it is ${mode}`)
}
