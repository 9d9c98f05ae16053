import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { hsalsa, xsalsa20poly1305 } from '@noble/ciphers/salsa.js'
import { concatBytes, fromHex, invariant, randomBytes, toHex, utf8, viewOf } from '@weft/base'
import { nativeCrypto as crypto, systemRandom as random } from '@weft/crypto'
import { freePort } from '@weft/testing'
import { DATAGRAM_LENGTH, type RelayLink, type RelayUnderTest } from './relay-under-test.ts'

/*
 * Tailscale's relay, and what a client of it says: frames of a type, the body's length in 4 bytes, the body. The server's key
 * comes first, the client answers with its own and a box, and datagrams follow. https://pkg.go.dev/tailscale.com/derp
 */
const HEADER = 5
const CLIENT_INFO = 2
const SERVER_INFO = 3
const SEND_PACKET = 4
const KEY_LENGTH = 32
const MAGIC_LENGTH = 8
const NONCE_LENGTH = 24
const INFO = utf8('{"version":2}')

export class Derper implements RelayUnderTest {
  readonly name = 'derper'
  readonly #child: ChildProcess
  readonly #port: number
  readonly #directory: string

  private constructor(child: ChildProcess, port: number, directory: string) {
    this.#child = child
    this.#port = port
    this.#directory = directory
  }

  static async start(program: string): Promise<Derper> {
    const port = await freePort('tcp')
    const directory = mkdtempSync(join(tmpdir(), 'weft-bench-derper-'))
    const flags = ['-a', `127.0.0.1:${port}`, '-http-port', '-1', '-stun=false', '-c', join(directory, 'config')]
    const child = spawn(program, flags, { stdio: 'ignore' })
    const derper = new Derper(child, port, directory)
    for (let tries = 0; ; tries++) {
      const socket = connect(port, '127.0.0.1')
      try {
        await once(socket, 'connect')
        socket.destroy()
        return derper
      } catch (error) {
        if (tries === 100) throw error
        await sleep(50)
      }
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  async connect(): Promise<RelayLink> {
    const socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true })
    // It is killed at the end.
    socket.on('error', () => undefined)
    const frames = new FrameReader(socket)
    socket.write(
      'GET /derp HTTP/1.1\r\nHost: derp\r\nUpgrade: DERP\r\nConnection: Upgrade\r\nDerp-Fast-Start: 1\r\n\r\n',
    )
    const hello = await frames.next()
    const serverKey = hello.body.slice(MAGIC_LENGTH, MAGIC_LENGTH + KEY_LENGTH)
    const secret = randomBytes(random, KEY_LENGTH)
    const publicKey = crypto.x25519PublicKey(secret)
    socket.write(frame(CLIENT_INFO, publicKey, sealedBox(INFO, secret, serverKey)))
    for (let type: number | undefined; type !== SERVER_INFO; ) type = (await frames.next()).type
    frames.close()
    return {
      id: toHex(publicKey),
      socket,
      receivedLength: HEADER + KEY_LENGTH + DATAGRAM_LENGTH,
      datagramsTo: (other, count) => {
        const key = fromHex(other)
        invariant(key !== undefined, 'an id of derper is its key')
        const one = frame(SEND_PACKET, key, randomBytes(random, DATAGRAM_LENGTH))
        return concatBytes(...Array.from({ length: count }, () => one))
      },
    }
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGKILL')
    await once(this.#child, 'exit')
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

function frame(type: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = concatBytes(new Uint8Array(HEADER), ...parts)
  bytes[0] = type
  viewOf(bytes).setUint32(1, bytes.length - HEADER)
  return bytes
}

/** NaCl's crypto_box, its nonce in front. */
function sealedBox(text: Uint8Array, secret: Uint8Array, publicKey: Uint8Array): Uint8Array {
  const nonce = randomBytes(random, NONCE_LENGTH)
  const shared = crypto.x25519(secret, publicKey)
  invariant(shared !== undefined, 'derper has a key')
  const key = new Uint32Array(8)
  hsalsa(words(utf8('expand 32-byte k')), words(shared), new Uint32Array(4), key)
  return concatBytes(nonce, xsalsa20poly1305(new Uint8Array(key.buffer), nonce).encrypt(text))
}

/** Of a little-endian machine, as all are that the bench runs on. */
const words = (bytes: Uint8Array): Uint32Array => new Uint32Array(bytes.slice().buffer)

/** The few frames before the datagrams. */
class FrameReader {
  readonly #socket: Socket
  #bytes: Uint8Array = new Uint8Array(0)
  #wake = Promise.withResolvers<void>()

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', this.#onData)
    socket.on('close', this.#onClose)
  }

  async next(): Promise<{ readonly type: number; readonly body: Uint8Array }> {
    for (;;) {
      const end = this.#bytes.length < HEADER ? Infinity : HEADER + viewOf(this.#bytes).getUint32(1)
      if (end <= this.#bytes.length) {
        const whole = this.#bytes.subarray(0, end)
        this.#bytes = this.#bytes.subarray(end)
        return { type: whole[0] ?? 0, body: whole.subarray(HEADER) }
      }
      await this.#wake.promise
      this.#wake = Promise.withResolvers()
    }
  }

  close(): void {
    this.#socket.off('data', this.#onData)
    this.#socket.off('close', this.#onClose)
  }

  readonly #onClose = (): void => this.#wake.reject(new Error('derper closed the connection'))

  readonly #onData = (data: Uint8Array): void => {
    this.#bytes = concatBytes(this.#bytes, data)
    this.#wake.resolve()
  }
}
