import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { test } from 'node:test'
import { type Endpoint, type IpAddress, type Prefix, silentLogger } from '@weft/base'
import type { MeshNames, NameServiceSetup, NameServiceState, WantedNameService } from '@weft/dns'
import { systemClock } from '@weft/linux'
import { udpPacket } from '@weft/testing'
import { NameService } from '../src/name-service.ts'

const OWN = '100.96.64.1' as IpAddress
const RESOLVER = '100.96.64.53' as IpAddress
const HEADERS = 28
const BOTH = [`${OWN}/32` as Prefix, 'fd12:3456:789a::1/128' as Prefix]

const mesh: MeshNames = {
  domain: 'weft',
  prefixes: ['100.96.64.0/18' as Prefix, 'fd12:3456:789a::/48' as Prefix],
  ownAddresses: [OWN],
  resolvers: [RESOLVER, 'fd12:3456:789a::53' as IpAddress],
  serial: 1,
  devices: [{ name: 'laptop', addresses: [OWN] }],
  records: [],
}

test('the machine’s resolver is told once, and put back at the end', async () => {
  const machine = new TestMachine()
  machine.service.configured('weft0', BOTH)
  machine.service.configured('weft0', BOTH)
  await machine.service.close()
  await machine.service.close()
  assert.equal(machine.applied.length, 1)
  const [wanted] = machine.applied
  assert.deepEqual(
    [wanted?.interfaceName, wanted?.addresses, wanted?.searchDomain, wanted?.nameservers],
    ['weft0', BOTH, 'weft', mesh.resolvers],
  )
  assert.deepEqual(wanted?.reverseDomains.slice(0, 2), ['64.96.100.in-addr.arpa', '65.96.100.in-addr.arpa'])
  assert.equal(machine.removed, 1)
})

test('a machine without IPv6 is told of no resolver there', async () => {
  const machine = new TestMachine()
  machine.service.configured('weft0', BOTH.slice(0, 1))
  assert.deepEqual(machine.service.status()?.resolvers, [RESOLVER])
  machine.service.configured('weft0', BOTH)
  assert.deepEqual(machine.service.status()?.resolvers, mesh.resolvers)
  await machine.service.close()
  assert.deepEqual(
    machine.applied.map(({ nameservers }) => nameservers),
    [[RESOLVER], mesh.resolvers],
  )
})

test('other names are asked of the resolver that was there before, and of another when that changes', async () => {
  await using first = await Upstream.open(1)
  await using second = await Upstream.open(2)
  const machine = new TestMachine({ way: 'resolv.conf', upstreams: [{ endpoint: first.endpoint }] })
  machine.service.configured('weft0', BOTH)
  await machine.until(() => machine.service.status()?.way === 'resolv.conf')
  assert.deepEqual(await machine.ask(), [1])
  machine.change({ way: 'systemd-resolved', upstreams: [{ endpoint: second.endpoint }] })
  assert.deepEqual(await machine.ask(), [2])
  assert.equal(machine.service.status()?.way, 'systemd-resolved')
  await machine.service.close()
})

test('where the machine’s resolver cannot be told, that is said, and names of the mesh are answered all the same', async () => {
  const machine = new TestMachine(new Error('resolvectl failed: no permission'))
  machine.service.configured('weft0', BOTH)
  await machine.until(() => machine.service.status()?.reason !== undefined)
  assert.deepEqual(machine.service.status(), {
    domain: 'weft',
    resolvers: mesh.resolvers,
    way: 'none',
    reason: 'resolvectl failed: no permission',
  })
  assert.deepEqual(await machine.ask('laptop.weft'), [100, 96, 64, 1])
  await machine.service.close()
})

test('after the end nothing is answered, and an answer that is late does no harm', async () => {
  await using upstream = await Upstream.open(1, { isSilent: true })
  const machine = new TestMachine({ way: 'resolv.conf', upstreams: [{ endpoint: upstream.endpoint }] })
  machine.service.configured('weft0', BOTH)
  await machine.until(() => machine.service.status()?.way === 'resolv.conf')
  const asked = upstream.next()
  machine.send('example.com')
  await asked
  await machine.service.close()
  upstream.answerAll()
  machine.send('laptop.weft')
  assert.equal(machine.packets.length, 0)
})

class TestMachine {
  readonly applied: WantedNameService[] = []
  readonly packets: Uint8Array[] = []
  removed = 0
  readonly service: NameService
  change: (state: NameServiceState) => void = () => undefined
  #wake: () => void = () => undefined

  constructor(state: NameServiceState | Error = { way: 'none', upstreams: [] }) {
    this.service = new NameService({
      directory: { names: () => names },
      deliver: (packet) => {
        this.packets.push(packet)
        this.#wake()
      },
      openSetup: ({ onChange }) => {
        this.change = onChange
        return this.#setup(state)
      },
      clock: systemClock,
      logger: silentLogger,
    })
  }

  send(name: string): void {
    const data = questionFor(name)
    const packet = udpPacket({ source: OWN, destination: RESOLVER, sourcePort: 4000, destinationPort: 53, data })
    this.service.onPacket(packet)
  }

  /** The data of the answer's last record. */
  async ask(name = 'example.com'): Promise<readonly number[]> {
    this.packets.length = 0
    const answered = new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    this.send(name)
    if (this.packets.length === 0) await answered
    const message = this.packets[0]?.subarray(HEADERS)
    assert.ok(message !== undefined)
    const length = message[message.length - 5] === 4 ? 4 : 1
    return [...message.subarray(-length)]
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise((resolve) => setImmediate(resolve))
  }

  #setup(state: NameServiceState | Error): NameServiceSetup {
    return {
      apply: async (wanted) => {
        this.applied.push(wanted)
        if (state instanceof Error) throw state
        return state
      },
      networkChanged: () => undefined,
      remove: async () => {
        this.removed += 1
      },
    }
  }
}

const names = [mesh]

/** A resolver that answers every question with one record of one byte. */
class Upstream {
  readonly #socket: Socket
  readonly #waiting: (() => void)[] = []

  private constructor(socket: Socket, byte: number, isSilent: boolean) {
    this.#socket = socket
    socket.on('message', (message, from) => {
      const record = Uint8Array.of(0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, 1, byte)
      const answer = Buffer.concat([message, record])
      answer.writeUInt16BE(0x8180, 2)
      answer.writeUInt16BE(1, 6)
      const reply = () => socket.send(answer, from.port, from.address)
      if (isSilent) this.#waiting.push(reply)
      else reply()
    })
  }

  static async open(byte: number, { isSilent = false } = {}): Promise<Upstream> {
    const socket = createSocket('udp4')
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    return new Upstream(socket, byte, isSilent)
  }

  get endpoint(): Endpoint {
    return `127.0.0.1:${this.#socket.address().port}` as Endpoint
  }

  async next(): Promise<void> {
    await once(this.#socket, 'message')
  }

  answerAll(): void {
    for (const reply of this.#waiting.splice(0)) reply()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close()
  }
}

function questionFor(name: string): Uint8Array {
  const labels = name.split('.').flatMap((label) => [label.length, ...Buffer.from(label)])
  return Uint8Array.of(18, 52, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, 1, 0, 1)
}
