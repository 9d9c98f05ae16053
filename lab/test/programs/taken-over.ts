/**
 * `taken-over DIRECTORY HOST:PORT`: whoever took a server over, with all that its directory holds. It takes the coordinator's place, and tries every key that
 * it finds, in every role, to certify a device of its own: in netmaps, by join links, and at a relay that does its duty. It prints a line
 * `link FORGERY LINK` for each, then `relay FORGERY connected|away`, then `serving`.
 */
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DatabaseSync } from 'node:sqlite'
import { type Endpoint, fromBase64, type IpAddress, type Prefix, silentLogger, toBase64 } from '@weft/base'
import { ChannelResponder, type FromNode, type Netmap, type Params, readFromNode } from '@weft/coordinator-protocol'
import { nativeCrypto as crypto, systemRandom as random } from '@weft/crypto'
import {
  createCertificate,
  createChannelCertificate,
  createDeviceCertificate,
  createRecord,
  encodeChain,
  encodeLink,
  generateNodeKeys,
  type LinkGrant,
  type NodeKeys,
} from '@weft/identity'
import { type AccountId, accountIdOf, type MeshId, type NodeId, nodeIdOf, PrivateKey, type PublicKey } from '@weft/keys'
import { systemClock } from '@weft/linux'
import { RelayServer } from '@weft/relay'
import { RelayClient } from '@weft/relay-protocol'
import { WebSocket, WebSocketServer } from 'ws'

const [directory = '', place = ''] = process.argv.slice(2)
const database = new DatabaseSync(`${directory}/coordinator.db`, { readOnly: true })
const mesh = database.prepare('select id, root_key, address_range from mesh').get() as Record<string, string>
const [account] = database.prepare('select id, certificate from accounts').all() as unknown as Account[]
const devices = database
  .prepare('select id, name, address4, record, chain, endpoints from devices')
  .all() as unknown as Device[]
const meshId = mesh.id as MeshId
const now = Math.floor(Date.now() / 1000)
const times = { notBefore: now - 60, notAfter: now + 86_400, grantsUntil: now + 86_400, tags: [] }

interface Account {
  readonly id: AccountId
  readonly certificate: Uint8Array
}

interface Device {
  readonly id: NodeId
  readonly name: string
  readonly address4: IpAddress
  readonly record: Uint8Array
  readonly chain: Uint8Array
  readonly endpoints?: string
}

/** The certificates of account and link, for a link key that is the forger's. */
interface Forgery {
  readonly name: string
  readonly seed: PrivateKey<'link'>
  readonly account: Uint8Array
  readonly link: Uint8Array
  readonly eve: NodeKeys
}

const found = new Map(
  readdirSync(`${directory}/keys`).flatMap((file) => {
    const bytes = fromBase64(readFileSync(`${directory}/keys/${file}`, 'utf8').trim())
    return bytes?.length === 32
      ? [[file.replace(/^account-.*/, 'account.key').replace('.key', ''), bytes] as const]
      : []
  }),
)
const forgeries: readonly Forgery[] = [...found, ['made-up', new Uint8Array(32).fill(7)] as const].flatMap(
  ([name, bytes]) => [
    forge(`account-by-${name}`, account?.certificate ?? new Uint8Array(), new PrivateKey('account', bytes)),
    forgeAccount(`root-by-${name}`, new PrivateKey('root', bytes)),
  ],
)

const [a, b, c] = (mesh.address_range ?? '').split(/[./]/).map(Number)
const used = new Set(devices.map(({ address4 }) => address4))
const free = Array.from({ length: 250 }, (_, i) => `${a}.${b}.${(c ?? 0) + 1}.${i + 1}` as IpAddress).filter(
  (address) => !used.has(address),
)

/** Links of the account, signed by the key. */
function forge(name: string, certificate: Uint8Array, key: PrivateKey<'account'>): Forgery {
  const seed = PrivateKey.generate('link', random)
  const link = createCertificate({ kind: 'link', subject: seed.publicKey(crypto), ...times }, key, crypto)
  return { name, seed, account: certificate, link, eve: generateNodeKeys(random) }
}

/** Links of a new account, signed by the key as root. */
function forgeAccount(name: string, root: PrivateKey<'root'>): Forgery {
  const key = PrivateKey.generate('account', random)
  const longer = { ...times, notBefore: now - 120 }
  return forge(
    name,
    createCertificate({ kind: 'account', subject: key.publicKey(crypto), ...longer }, root, crypto),
    key,
  )
}

function chainOf({ account, link, seed, eve }: Forgery): Uint8Array {
  const grant: LinkGrant = {
    ...times,
    rootKey: mesh.root_key as PublicKey<'root'>,
    account: accountIdOf(PrivateKey.generate('account', random).publicKey(crypto), crypto),
  }
  const identityKey = eve.identity.publicKey(crypto)
  const device = createDeviceCertificate({ grant, link: seed, identityKey, at: systemClock().wall, crypto })
  return encodeChain([account, link, device])
}

function netmapFor(node: NodeId): Netmap {
  const self = devices.find(({ id }) => id === node)
  const peerOf = ({ id, name, address4, record, chain, endpoints = '[]' }: Device) => ({
    id,
    name,
    owner: 'owner',
    address4,
    record: toBase64(record),
    chain: toBase64(chain),
    endpoints: JSON.parse(endpoints) as Endpoint[],
    online: true,
  })
  const forged = forgeries.map((forgery, i) =>
    peerOf({
      id: nodeIdOf(forgery.eve.identity.publicKey(crypto), crypto),
      name: forgery.name,
      address4: free[i] ?? ('' as IpAddress),
      record: createRecord(forgery.eve, 1, crypto),
      chain: chainOf(forgery),
    }),
  )
  return {
    type: 'netmap',
    epoch: 'taken',
    number: 1_000_000,
    mesh: {
      id: meshId,
      rootKey: mesh.root_key as PublicKey<'root'>,
      domain: 'weft',
      range: mesh.address_range as Prefix,
    },
    self: { id: node, name: self?.name ?? 'self', owner: 'owner', address4: self?.address4 ?? ('' as IpAddress) },
    peers: [...devices.filter(({ id }) => id !== node).map(peerOf), ...forged],
    grants: account === undefined ? [] : [{ reason: 'own devices', account: account.id, protocol: 'any' }],
  }
}

function answersTo(message: FromNode): readonly object[] {
  if (message.type === 'ping') return [{ type: 'pong' }]
  const answer = (result: object) => ({ type: 'answer', id: message.id, result })
  if (message.method === 'subscribe') return [answer({}), netmapFor((message.params as Params<'subscribe'>).node)]
  if (message.method === 'open-link') {
    const forgery = forgeries.find(
      ({ seed }) => seed.publicKey(crypto) === (message.params as Params<'open-link'>).linkKey,
    )
    return forgery === undefined ? [] : [answer({ account: toBase64(forgery.account), link: toBase64(forgery.link) })]
  }
  return [answer({})]
}

const key = <Role extends 'coordinator' | 'channel'>(role: Role) =>
  new PrivateKey(role, found.get(role) ?? new Uint8Array(32))

const certificate = createChannelCertificate(
  { channelKey: key('channel').publicKey(crypto), notBefore: now - 60, notAfter: now + 86_400 },
  key('coordinator'),
  crypto,
)

function serveChannel(socket: WebSocket): void {
  const channel = new ChannelResponder({ crypto, random, channelKey: key('channel'), certificate })
  const drain = () => {
    for (let output = channel.poll(); output !== undefined; output = channel.poll()) {
      if (output.kind === 'frame') socket.send(output.frame)
      if (output.kind !== 'message') continue
      const message = readFromNode(output.text)
      for (const each of message === undefined ? [] : answersTo(message)) channel.send(JSON.stringify(each))
    }
  }
  socket.on('message', (data: Buffer) => {
    channel.receive(new Uint8Array(data))
    drain()
  })
  drain()
}

/** What a relay of this mesh makes of the forgery. */
async function standingAtRelay(forgery: Forgery, url: string, relay: NodeId): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const client = new RelayClient<string>({
    crypto,
    random,
    relay,
    places: [url],
    visitor: { kind: 'member', chain: chainOf(forgery), identity: forgery.eve.identity },
  })
  let socket: WebSocket | undefined
  const act = () => {
    for (let output = client.poll(); output !== undefined; output = client.poll()) {
      if (output.kind === 'connect') connect(output.connection)
      else if (output.kind === 'send') socket?.send(output.frames)
      else if (output.kind === 'state') resolve(output.state)
    }
  }
  const tell = (input: Parameters<typeof client.handle>[0]) => {
    client.handle(input, systemClock())
    act()
  }
  const connect = (connection: number) => {
    socket = new WebSocket(url, 'weft.relay.1', { perMessageDeflate: false })
    socket.on('message', (data) => tell({ kind: 'received', connection, message: new Uint8Array(data as Buffer) }))
    socket.on('error', () => {})
    socket.on('close', () => tell({ kind: 'closed', connection, reason: 'closed' }))
  }
  tell({ kind: 'start' })
  const standing = await promise
  socket?.terminate()
  return standing
}

async function tryRelay(): Promise<void> {
  const id = 'f'.repeat(32) as NodeId
  const relay = new RelayServer({ mesh: meshId, id, clock: systemClock, logger: silentLogger })
  const http = createServer()
  http.on('upgrade', (request, socket, head) => relay.upgrade(request, socket, head))
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}/v1/relay`
  for (const forgery of forgeries) console.log(`relay ${forgery.name} ${await standingAtRelay(forgery, url, id)}`)
  await relay.close()
  http.close()
}

const sockets = new WebSocketServer({
  port: Number(place.split(':')[1]),
  path: '/v1/channel',
  handleProtocols: () => 'weft.channel.1',
})
sockets.on('connection', serveChannel)
await once(sockets, 'listening')
await tryRelay()
const coordinatorKey = key('coordinator').publicKey(crypto)
for (const { name, seed } of forgeries) {
  const endpoints = [{ kind: 'endpoint', endpoint: place as Endpoint }] as const
  console.log(`link ${name} ${encodeLink({ mesh: meshId, coordinatorKey, seed, endpoints }, crypto)}`)
}
console.log('serving')
