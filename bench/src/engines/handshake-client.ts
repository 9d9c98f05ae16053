/**
 * `handshake-client CLIENTS SECONDS HOST PORT`: prints the public keys of so many clients in one line, waits for a line with
 * the server's key, then begins handshakes as fast as they are answered, WINDOW of them under way; prints what it counted.
 */
import { createSocket } from 'node:dgram'
import { createInterface } from 'node:readline'
import { instant, type Now, wallTime } from '@weft/base'
import { nativeCrypto as crypto, systemRandom as random } from '@weft/crypto'
import { PrivateKey, type PublicKey, publicKeyBytes, publicKeyFromBytes } from '@weft/keys'
import { MESSAGE_COOKIE_REPLY, MESSAGE_RESPONSE, type PeerIndex, WireGuardEngine } from '@weft/wireguard'

const WINDOW = 16
/** One that is not answered makes room for another. */
const PATIENCE_MS = 100
const PEER = 0 as PeerIndex
const IDLE = { lastSent: undefined, lastReceived: undefined, unansweredSince: undefined, owedSince: undefined }

const [clients = '', seconds = '', host = '', port = ''] = process.argv.slice(2)
const keys = Array.from({ length: Number(clients) }, () => PrivateKey.generate('node', random))
const base64 = (key: PublicKey<'node'>) => Buffer.from(publicKeyBytes(key)).toString('base64')
console.log(`clients ${keys.map((key) => base64(key.publicKey(crypto))).join(' ')}`)

for await (const line of createInterface({ input: process.stdin })) {
  const server = publicKeyFromBytes('node', Buffer.from(line.trim(), 'base64'))
  console.log(`counted ${JSON.stringify(await handshakes(server))}`)
  process.exit(0)
}

function handshakes(server: PublicKey<'node'>): Promise<{ responses: number; cookies: number; seconds: number }> {
  const { promise, resolve } = Promise.withResolvers<{ responses: number; cookies: number; seconds: number }>()
  const socket = createSocket('udp4')
  let [next, responses, cookies] = [0, 0, 0]
  const underWay: number[] = []
  const begin = () => {
    const key = keys[next++ % keys.length]
    if (key === undefined) return
    underWay.push(performance.now())
    socket.send(initiation(key, server), Number(port), host)
  }
  socket.on('message', (message) => {
    if (message[0] === MESSAGE_RESPONSE) responses++
    if (message[0] === MESSAGE_COOKIE_REPLY) cookies++
    underWay.shift()
    begin()
  })
  const started = performance.now()
  for (let each = 0; each < WINDOW; each++) begin()
  const refill = setInterval(() => {
    const now = performance.now()
    while ((underWay[0] ?? now) < now - PATIENCE_MS) {
      underWay.shift()
      begin()
    }
    if (now - started < Number(seconds) * 1000) return
    clearInterval(refill)
    resolve({ responses, cookies, seconds: (now - started) / 1000 })
  }, 10)
  return promise
}

/** A fresh engine each time: it knows of no attempt before. */
function initiation(key: PrivateKey<'node'>, server: PublicKey<'node'>): Uint8Array {
  const engine = new WireGuardEngine<undefined>({
    crypto,
    random,
    privateKeys: [key],
    takeIndex: () => 1,
    meters: { meter: () => IDLE },
  })
  const now: Now = { instant: instant(performance.now()), wall: wallTime(Date.now()) }
  engine.handle({ kind: 'add-peer', peer: PEER, publicKey: server }, now)
  engine.handle({ kind: 'session-wanted', peer: PEER }, now)
  for (let output = engine.poll(); output !== undefined; output = engine.poll())
    if (output.kind === 'send-initiation') return output.message
  throw new Error('no initiation')
}
