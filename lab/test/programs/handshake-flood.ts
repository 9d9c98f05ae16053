/**
 * `handshake-flood HOST PORT KEY RATE`: sends so many handshake initiations a second that only their mac1, made for the
 * public key KEY, makes look true. Prints a line when the first cookie reply comes.
 */
import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { parsePublicKey } from '@weft/keys'
import { portableCrypto } from '@weft/keys/portable'
import { INITIATION_LENGTH, MESSAGE_COOKIE_REPLY, mac1KeyOf } from '@weft/wireguard'

const EVERY_MS = 20
const MACS_LENGTH = 32

const [host = '', port = '', key = '', rate = ''] = process.argv.slice(2)
const publicKey = parsePublicKey('node', key)
if (publicKey === undefined) throw new Error('KEY is no public key')
const mac1Key = mac1KeyOf(publicKey, portableCrypto)
const burst = Math.ceil((Number(rate) * EVERY_MS) / 1000)
const initiations = Array.from({ length: Math.max(burst, 100) }, () => initiation(mac1Key))

const socket = createSocket('udp4')
let cookies = 0
socket.on('message', (message) => {
  if (message[0] === MESSAGE_COOKIE_REPLY && cookies++ === 0) console.log('a cookie reply came')
})
let next = 0
setInterval(() => {
  for (let i = 0; i < burst; i++) socket.send(initiations[next++ % initiations.length] ?? '', Number(port), host)
}, EVERY_MS)

function initiation(mac1Key: Uint8Array): Uint8Array {
  const message = new Uint8Array(randomBytes(INITIATION_LENGTH))
  message.set([1, 0, 0, 0])
  const covered = message.subarray(0, INITIATION_LENGTH - MACS_LENGTH)
  message.set(portableCrypto.blake2sMac(mac1Key, covered), covered.length)
  return message
}
