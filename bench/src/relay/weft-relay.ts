import { once } from 'node:events'
import type { Socket } from 'node:net'
import { concatBytes, fromBase64, instant, invariant, type Now, randomBytes, runOf, viewOf, wallTime } from '@weft/base'
import { nativeCrypto as crypto, systemRandom as random } from '@weft/crypto'
import { createDeviceCertificate, encodeChain, type JoinLink, readLink, verifyLinkCertificates } from '@weft/identity'
import { type NodeId, nodeIdOf, PrivateKey } from '@weft/keys'
import { RelayClient, relayIdOf } from '@weft/relay-protocol'
import { WebSocket } from 'ws'
import { LightNode, sourceOf } from '../coordinator/light-node.ts'
import { ServedCoordinator } from '../coordinator/served-coordinator.ts'
import { DATAGRAM_LENGTH, type RelayLink, type RelayUnderTest } from './relay-under-test.ts'

/** docs/protocols/relay.md: type, length, node id. */
const FRAME_HEADER = 3 + 16
/** RFC 6455 §5.2: a whole binary message; a length of 16 bits behind, and a mask. */
const WHOLE_BINARY = 0x82
const MASKED_LENGTH_16 = 0xfe
const MESSAGE_HEADER = 8

/** Nobody is silent for a minute. */
const PING_MS = 20_000
const PING = asMessage(Uint8Array.of(6, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0))

interface Certificates {
  readonly account: Uint8Array
  readonly link: Uint8Array
}

/** `weft serve`, of which only the relay is used. Its clients are certified by a join link's key. */
export class WeftRelay implements RelayUnderTest {
  readonly name = 'weft'
  readonly #served: ServedCoordinator
  readonly #link: JoinLink
  readonly #certificates: Certificates
  #clients = 0

  private constructor(served: ServedCoordinator, link: JoinLink, certificates: Certificates) {
    this.#served = served
    this.#link = link
    this.#certificates = certificates
  }

  static async start(): Promise<WeftRelay> {
    const served = await ServedCoordinator.start()
    const link = readLink(await served.createLink(), crypto)
    const opener = new LightNode({ name: 'opener', link, url: served.url, source: sourceOf(0) })
    await opener.connect()
    const { account, link: certificate } = await opener.request('open-link', { linkKey: link.seed.publicKey(crypto) })
    opener.stop()
    return new WeftRelay(served, link, { account: bytesOf(account), link: bytesOf(certificate) })
  }

  get pid(): number {
    return this.#served.pid
  }

  async connect(): Promise<RelayLink> {
    const identity = PrivateKey.generate('identity', random)
    const client = new RelayClient({
      crypto,
      random,
      relay: relayIdOf(this.#link.coordinatorKey, crypto),
      places: ['here'],
      visitor: { kind: 'member', chain: this.#chainOf(identity), identity },
    })
    return {
      id: nodeIdOf(identity.publicKey(crypto), crypto),
      socket: await this.#admitted(client),
      receivedLength: FRAME_HEADER + DATAGRAM_LENGTH,
      datagramsTo: (id, count) => {
        const frame = frameTo(client, id as NodeId)
        return asMessage(concatBytes(...Array.from({ length: count }, () => frame)))
      },
    }
  }

  async stop(): Promise<void> {
    await this.#served.stop()
  }

  #chainOf(identity: PrivateKey<'identity'>): Uint8Array {
    const { mesh, seed } = this.#link
    const at = wallTime(Date.now())
    const grant = verifyLinkCertificates({ ...this.#certificates, mesh, linkKey: seed.publicKey(crypto), at, crypto })
    const identityKey = identity.publicKey(crypto)
    const device = createDeviceCertificate({ grant, link: seed, identityKey, at, crypto })
    return encodeChain([this.#certificates.account, this.#certificates.link, device])
  }

  /** The client's own protocol until it is in; from then on the socket is the bench's. */
  async #admitted(client: RelayClient<string>): Promise<Socket> {
    const url = this.#served.url.replace('/v1/channel', '/v1/relay')
    const webSocket = new WebSocket(url, 'weft.relay.1', {
      perMessageDeflate: false,
      localAddress: sourceOf(++this.#clients),
    })
    const upgraded = once(webSocket, 'upgrade')
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const drain = () => {
      for (let output = client.poll(); output !== undefined; output = client.poll()) {
        if (output.kind === 'send') webSocket.send(output.frames)
        else if (output.kind === 'state' && output.state === 'connected') resolve()
        else if (output.kind === 'state') reject(new Error(output.reason))
      }
    }
    client.handle({ kind: 'start' }, now())
    drain()
    webSocket.on('message', (message: Uint8Array) => {
      client.handle({ kind: 'received', connection: 1, message }, now())
      drain()
    })
    webSocket.on('close', () => reject(new Error('the relay closed the connection')))
    await promise
    const [{ socket }] = (await upgraded) as [{ readonly socket: Socket }]
    webSocket.removeAllListeners('message')
    setInterval(() => socket.write(PING), PING_MS).unref()
    return socket
  }
}

function frameTo(client: RelayClient<string>, to: NodeId): Uint8Array {
  client.handle({ kind: 'send', to, run: runOf(randomBytes(random, DATAGRAM_LENGTH)) }, now())
  const output = client.poll()
  invariant(output?.kind === 'send', 'a client that is in sends')
  return output.frames
}

/** As a client's message, masked with zeros: so it can be sent again without being masked again. */
function asMessage(payload: Uint8Array): Uint8Array {
  const message = concatBytes(new Uint8Array(MESSAGE_HEADER), payload)
  message[0] = WHOLE_BINARY
  message[1] = MASKED_LENGTH_16
  viewOf(message).setUint16(2, payload.length)
  return message
}

const now = (): Now => ({ instant: instant(performance.now()), wall: wallTime(Date.now()) })

function bytesOf(text: string): Uint8Array {
  const bytes = fromBase64(text)
  invariant(bytes !== undefined, 'base64')
  return bytes
}
