import { fromBase64, type IpAddress, invariant, toBase64, wallTime } from '@weft/base'
import { ChannelInitiator, type Method, type Params, type Result } from '@weft/coordinator-protocol'
import { nativeCrypto, systemRandom as random } from '@weft/crypto'
import {
  createDeviceCertificate,
  createRecord,
  generateNodeKeys,
  type JoinLink,
  type NodeKeys,
  verifyLinkCertificates,
} from '@weft/identity'
import { type NodeId, nodeIdOf, type PublicKey, rememberingSignatures } from '@weft/keys'
import { WebSocket } from 'ws'

/** Milliseconds, as a node's own backoff has them: docs/protocols/channel.md. */
const FIRST_DELAY = 1_000
const LAST_DELAY = 60_000
const PING_EVERY = 7_000
const PING = '{"type":"ping"}'
/** All of them look at the same certificates of account and link. */
const crypto = rememberingSignatures(nativeCrypto)

/**
 * A node as the coordinator sees one: real keys, channel, join and subscription, and a node's way to come back. It reads of
 * what it is told only how it begins, so that a thousand of them leave the machine to the coordinator.
 */
export class LightNode {
  readonly keys: NodeKeys = generateNodeKeys(random)
  readonly id: NodeId = nodeIdOf(this.keys.identity.publicKey(crypto), crypto)
  readonly record: Uint8Array = createRecord(this.keys, 1, crypto)
  readonly name: string
  readonly #link: JoinLink
  readonly #linkKey: PublicKey<'link'>
  readonly #url: string
  readonly #source: string
  readonly #pings: NodeJS.Timeout
  #socket: WebSocket | undefined
  #channel: ChannelInitiator | undefined
  #answers = new Map<number, (result: unknown) => void>()
  #nextId = 0
  #held: { readonly epoch: string; readonly number: number } | undefined
  #failures = 0
  #isStopped = false
  bytes = 0
  messages = 0
  refusals = 0
  /** When it was last subscribed, by `performance.now()`. */
  subscribedAt = 0
  onText: (text: string) => void = () => undefined

  constructor(options: { name: string; link: JoinLink; url: string; source: string }) {
    this.name = options.name
    this.#link = options.link
    this.#linkKey = options.link.seed.publicKey(crypto)
    this.#url = options.url
    this.#source = options.source
    this.#pings = setInterval(() => this.#say(PING), PING_EVERY)
  }

  get isSubscribed(): boolean {
    return this.subscribedAt > 0
  }

  connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(this.#url, 'weft.channel.1', {
        perMessageDeflate: false,
        localAddress: this.#source,
        handshakeTimeout: 8_000,
      })
      const channel = new ChannelInitiator({
        crypto,
        random,
        coordinatorKey: this.#link.coordinatorKey,
        channelKey: this.keys.channel,
        at: wallTime(Date.now()),
      })
      socket.on('message', (data: Buffer) => {
        channel.receive(new Uint8Array(data.buffer, data.byteOffset, data.length))
        for (let output = channel.poll(); output !== undefined; output = channel.poll()) {
          if (output.kind === 'frame') socket.send(output.frame)
          else if (output.kind === 'message') this.#hear(output.text)
          else if (output.kind === 'open') {
            this.#socket = socket
            this.#channel = channel
            this.#say(PING)
            resolve()
          } else socket.terminate()
        }
      })
      socket.on('error', () => undefined)
      socket.on('close', () => {
        reject(new Error('closed'))
        if (this.#socket === socket) this.#onLost()
      })
    })
  }

  async join(): Promise<void> {
    const linkKey = this.#linkKey
    const opened = await this.request('open-link', { linkKey })
    const at = wallTime(Date.now())
    const [account, link] = [bytesOf(opened.account), bytesOf(opened.link)]
    const grant = verifyLinkCertificates({ account, link, mesh: this.#link.mesh, linkKey, at, crypto })
    const identityKey = this.keys.identity.publicKey(crypto)
    const certificate = createDeviceCertificate({ grant, link: this.#link.seed, identityKey, at, crypto })
    await this.request('join', {
      record: toBase64(this.record),
      certificate: toBase64(certificate),
      hostName: this.name,
    })
  }

  async subscribe(): Promise<void> {
    await this.request('subscribe', { node: this.id, ...this.#held })
    this.subscribedAt = performance.now()
    this.#failures = 0
  }

  request<M extends Method>(method: M, params: Params<M>): Promise<Result<M>> {
    const id = ++this.#nextId
    return new Promise((resolve, reject) => {
      this.#answers.set(id, (answer) => {
        const { result, error } = answer as { result?: Result<M>; error?: { message: string } }
        if (result === undefined) reject(new Error(error?.message ?? 'lost'))
        else resolve(result)
      })
      this.#say(JSON.stringify({ type: 'request', id, method, params }))
    })
  }

  stop(): void {
    this.#isStopped = true
    clearInterval(this.#pings)
    this.#socket?.terminate()
  }

  #say(text: string): void {
    const channel = this.#channel
    if (channel === undefined) return
    channel.send(text)
    for (let output = channel.poll(); output !== undefined; output = channel.poll())
      if (output.kind === 'frame') this.#socket?.send(output.frame)
  }

  #hear(text: string): void {
    this.bytes += text.length
    this.messages++
    if (text.startsWith('{"type":"answer"')) {
      const answer = JSON.parse(text)
      this.#answers.get(answer.id)?.(answer)
      this.#answers.delete(answer.id)
      return
    }
    if (text.startsWith('{"type":"netmap"') || text.startsWith('{"type":"change"')) {
      const head = text.slice(0, 256)
      const epoch = /"next":"([^"]+)"/.exec(head)?.[1] ?? /"epoch":"([^"]+)"/.exec(head)?.[1]
      const number = Number(/"number":(\d+)/.exec(head)?.[1])
      invariant(epoch !== undefined, 'a netmap has an epoch')
      this.#held = { epoch, number }
    }
    this.onText(text)
  }

  #onLost(): void {
    this.#socket = undefined
    this.#channel = undefined
    this.subscribedAt = 0
    for (const answer of this.#answers.values()) answer({})
    this.#answers.clear()
    this.#comeBackLater()
  }

  #comeBackLater(): void {
    if (this.#isStopped) return
    const longest = Math.min(LAST_DELAY, FIRST_DELAY * 2 ** this.#failures++)
    setTimeout(() => void this.#comeBack(), (longest / 2) * (1 + Math.random()))
  }

  async #comeBack(): Promise<void> {
    if (this.#isStopped) return
    try {
      await this.connect()
    } catch {
      this.refusals++
      this.#comeBackLater()
      return
    }
    await this.subscribe().catch(() => undefined)
  }
}

function bytesOf(text: string): Uint8Array {
  const bytes = fromBase64(text)
  invariant(bytes !== undefined, 'base64')
  return bytes
}

/** One of many loopback addresses, as if each node had a machine of its own. */
export const sourceOf = (number: number): IpAddress => `127.0.${1 + (number >> 7)}.${1 + (number & 127)}` as IpAddress
