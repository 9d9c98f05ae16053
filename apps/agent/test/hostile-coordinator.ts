import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Endpoint, fromBase64, type IpAddress, toBase64 } from '@weft/base'
import {
  ChannelResponder,
  type FromCoordinator,
  type Netmap,
  type NetmapPeer,
  netmapSchema,
  type Params,
  readFromNode,
} from '@weft/coordinator-protocol'
import { nativeCrypto as crypto, systemRandom } from '@weft/crypto'
import {
  createCertificate,
  createChannelCertificate,
  createRecord,
  createRevocation,
  encodeChain,
  generateNodeKeys,
  type NodeKeys,
  type Revoker,
} from '@weft/identity'
import { type KeyRole, type NodeId, nodeIdOf, PrivateKey } from '@weft/keys'
import { type WebSocket, WebSocketServer } from 'ws'
import type { TestAgent, TestMesh } from './test-mesh.ts'

const YEAR = 365 * 86_400

/** A device as its own state has it. */
export interface KnownDevice {
  readonly agent: TestAgent
  readonly keys: NodeKeys
  readonly claim: NetmapPeer
}

type Message = Exclude<FromCoordinator, { readonly type: 'answer' }>

/** In the place of a mesh's coordinator, with all its keys: says to each node what a test wants. */
export class HostileCoordinator implements AsyncDisposable {
  readonly root: PrivateKey<'root'>
  readonly devices = new Map<TestAgent, KnownDevice>()
  readonly #mesh: Pick<Netmap, 'mesh' | 'grants'>
  readonly #channelKey: PrivateKey<'channel'>
  readonly #certificate: Uint8Array
  readonly #server: WebSocketServer
  readonly #told = new Map<NodeId, Netmap>()
  readonly #channels = new Map<NodeId, (message: Message | string) => void>()
  #number = 1_000_000

  private constructor(mesh: TestMesh, devices: readonly KnownDevice[], netmap: Netmap) {
    const keys = join(mesh.directory, 'coordinator', 'keys')
    this.root = keyIn(keys, 'root', 'root')
    this.#channelKey = PrivateKey.generate('channel', systemRandom)
    const now = Math.floor(Date.now() / 1000)
    this.#certificate = createChannelCertificate(
      { channelKey: this.#channelKey.publicKey(crypto), notBefore: now - 3600, notAfter: now + YEAR },
      keyIn(keys, 'coordinator', 'coordinator'),
      crypto,
    )
    this.#mesh = { mesh: netmap.mesh, grants: netmap.grants }
    for (const device of devices) this.devices.set(device.agent, device)
    for (const { claim } of devices) this.#told.set(claim.id, this.honest(claim.id))
    this.#server = new WebSocketServer({
      host: '127.0.0.1',
      port: mesh.port,
      path: '/v1/channel',
      handleProtocols: ([first = '']) => first,
    })
    this.#server.on('connection', (socket) => this.#serve(socket))
  }

  /** The true one is gone; all agents of the mesh are connected to this one when it resolves. */
  static async takeOver(mesh: TestMesh): Promise<HostileCoordinator> {
    const devices: KnownDevice[] = []
    for (const agent of mesh.agents) devices.push(await knownDevice(agent))
    const [first] = mesh.agents
    if (first === undefined) throw new Error('a mesh has agents')
    const { netmap } = stateOf(first, 'netmap') as { readonly netmap: unknown }
    await mesh.stopCoordinator()
    const hostile = new HostileCoordinator(mesh, devices, netmapSchema.parse(netmap))
    for (const agent of mesh.agents) {
      await agent.up()
      await agent.until(({ coordinator }) => coordinator?.state === 'connected')
    }
    return hostile
  }

  device(agent: TestAgent): KnownDevice {
    const device = this.devices.get(agent)
    if (device === undefined) throw new Error('no device of the mesh')
    return device
  }

  /** What the true coordinator would say to the node. */
  honest(id: NodeId): Netmap {
    const all = [...this.devices.values()].map(({ claim }) => claim)
    const self = all.find((claim) => claim.id === id)
    if (self === undefined) throw new Error('no device of the mesh')
    const { name, owner, address4 } = self
    const peers = all.filter((claim) => claim.id !== id)
    return {
      type: 'netmap',
      epoch: 'hostile',
      number: this.#number,
      ...this.#mesh,
      self: { id, name, owner, address4 },
      peers,
    }
  }

  /** The whole netmap, made of the honest one. */
  tell(agent: TestAgent, lie: (honest: Netmap) => Netmap): Netmap {
    const { id } = this.device(agent).claim
    this.#number++
    const netmap = lie(this.honest(id))
    this.#told.set(id, netmap)
    this.#channels.get(id)?.(netmap)
    return netmap
  }

  /** Whatever it is. */
  send(agent: TestAgent, message: Message | string): void {
    this.#channels.get(this.device(agent).claim.id)?.(message)
  }

  /** A device of its own, certified by that root. */
  invent(claim: Pick<NetmapPeer, 'name' | 'address4'>, root: PrivateKey<'root'> = this.root): NetmapPeer {
    const keys = generateNodeKeys(systemRandom)
    return {
      id: nodeIdOf(keys.identity.publicKey(crypto), crypto),
      owner: 'owner',
      record: toBase64(createRecord(keys, 1, crypto)),
      chain: toBase64(chainFor(keys, root)),
      endpoints: ['192.0.2.66:7481' as Endpoint],
      online: true,
      ...claim,
    }
  }

  /** An account of its own, certified by the root. */
  inventAccount(): Revoker {
    const key = PrivateKey.generate('account', systemRandom)
    const now = Math.floor(Date.now() / 1000)
    const grants = { notBefore: now - 3600, notAfter: now + YEAR, grantsUntil: now + YEAR, tags: [] }
    const certificate = createCertificate(
      { kind: 'account', subject: key.publicKey(crypto), ...grants },
      this.root,
      crypto,
    )
    return { key, certificate }
  }

  revocationOf(agent: TestAgent, revoker: Revoker): Uint8Array {
    const revoked = this.device(agent).keys.identity.publicKey(crypto)
    const now = Math.floor(Date.now() / 1000)
    return createRevocation({ revoked, signedAt: now, keptUntil: now + YEAR }, revoker, crypto)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#server.clients) client.terminate()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #serve(socket: WebSocket): void {
    const channel = new ChannelResponder({
      crypto,
      random: systemRandom,
      channelKey: this.#channelKey,
      certificate: this.#certificate,
    })
    const drain = () => {
      for (let output = channel.poll(); output !== undefined; output = channel.poll()) {
        if (output.kind === 'frame') socket.send(output.frame)
        else if (output.kind === 'message') this.#answer(output.text, send)
        else if (output.kind === 'failed') socket.close()
      }
    }
    const send = (message: object | string) => {
      if (socket.readyState !== socket.OPEN) return
      channel.send(typeof message === 'string' ? message : JSON.stringify(message))
      drain()
    }
    socket.on('message', (data: Uint8Array) => {
      channel.receive(new Uint8Array(data))
      drain()
    })
    drain()
  }

  #answer(text: string, send: (message: object | string) => void): void {
    const message = readFromNode(text)
    if (message?.type === 'ping') send({ type: 'pong' })
    if (message?.type !== 'request') return
    const { id, method } = message
    const isTaken = method === 'subscribe' || method === 'publish'
    const error = { code: 'not-allowed', message: 'this coordinator was taken over' }
    send({ type: 'answer', id, ...(isTaken ? { result: {} } : { error }) })
    if (method !== 'subscribe') return
    const { node } = message.params as Params<'subscribe'>
    this.#channels.set(node, send)
    send(this.#told.get(node) ?? this.honest(node))
  }
}

function chainFor(keys: NodeKeys, root: PrivateKey<'root'>): Uint8Array {
  const [account, link] = [PrivateKey.generate('account', systemRandom), PrivateKey.generate('link', systemRandom)]
  const now = Math.floor(Date.now() / 1000)
  const times = { notBefore: now - 3600, notAfter: now + YEAR, tags: [] }
  const grants = { ...times, grantsUntil: now + YEAR }
  const device = keys.identity.publicKey(crypto)
  return encodeChain([
    createCertificate({ kind: 'account', subject: account.publicKey(crypto), ...grants }, root, crypto),
    createCertificate({ kind: 'link', subject: link.publicKey(crypto), ...grants }, account, crypto),
    createCertificate({ kind: 'device', subject: device, ...times, grantsUntil: 0 }, link, crypto),
  ])
}

async function knownDevice(agent: TestAgent): Promise<KnownDevice> {
  const { self } = await agent.status()
  const { record, chain } = stateOf(agent, 'membership') as Pick<NetmapPeer, 'record' | 'chain'>
  const stored = stateOf(agent, 'keys') as Readonly<Record<keyof NodeKeys, string>>
  const keyOf = <Role extends KeyRole & keyof NodeKeys>(role: Role) => new PrivateKey(role, bytesOf(stored[role]))
  const keys: NodeKeys = {
    identity: keyOf('identity'),
    node: keyOf('node'),
    channel: keyOf('channel'),
    probe: keyOf('probe'),
    kem: keyOf('kem'),
  }
  const { id, name, addresses, endpoints = [] } = self ?? {}
  if (id === undefined || name === undefined) throw new Error('it has joined')
  const address4 = addresses?.[0] as IpAddress
  return { agent, keys, claim: { id, name, owner: 'owner', address4, record, chain, endpoints, online: true } }
}

/** Of the netmap as it was when it was written whole: what was added since is in further lines. */
function stateOf(agent: TestAgent, name: string): unknown {
  const [mesh = ''] = readdirSync(join(agent.state, 'meshes'))
  const [whole = ''] = readFileSync(join(agent.state, 'meshes', mesh, `${name}.json`), 'utf8').split('\n', 1)
  return JSON.parse(whole)
}

function keyIn<Role extends KeyRole>(directory: string, role: Role, name: string): PrivateKey<Role> {
  return new PrivateKey(role, bytesOf(readFileSync(join(directory, `${name}.key`), 'utf8').trimEnd()))
}

function bytesOf(text: string): Uint8Array {
  const bytes = fromBase64(text)
  if (bytes === undefined) throw new Error('base64 is expected')
  return bytes
}
