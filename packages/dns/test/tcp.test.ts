import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concatBytes, type IpAddress } from '@weft/base'
import { checksum, PROTOCOL_TCP, pseudoHeaderSum } from '@weft/packet'
import { buildTcp, type Ends, readPacket, type TcpSegment } from '../src/packets.ts'
import { ACK, FIN, RST, SYN } from '../src/tcp-flags.ts'
import { AskingMachine, decoded, framed, mesh, OWN, question, RESOLVER, upstream } from './asking.ts'

test('a question by TCP is answered, and the connection is closed in order', () => {
  const client = new Client(new AskingMachine())
  client.open()
  const [answer] = client.ask(question('nas.weft', 'A'))
  assert.equal(decoded(answer).answers.length, 1)
  client.close()
  assert.equal(client.sees(FIN), true)
  client.send(ACK)
  assert.equal(client.machine.resolver.nextTimeout(), undefined)
})

test('several questions in one segment, and one in several, are all answered', () => {
  const client = new Client(new AskingMachine())
  client.open()
  const message = framed(question('nas.weft', 'A'))
  client.send(ACK, concatBytes(message, message, message.subarray(0, 5)))
  client.send(ACK, message.subarray(5, 6))
  client.send(ACK, message.subarray(6))
  assert.equal(client.messages().length, 3)
})

test('a long answer comes in segments, no longer and no more than the asker takes', () => {
  const machine = new AskingMachine()
  const records = Array.from(
    { length: 400 },
    (_, i) => ({ name: 'many', type: 'A', value: `10.0.${i >> 8}.${i & 255}` }) as const,
  )
  machine.names = [{ ...mesh, records }]
  const client = new Client(machine, { mss: 600, window: 1_500 })
  client.open()
  client.send(ACK, framed(question('many.weft', 'A')))
  assert.equal(client.received.length, 1_500)
  for (let before = -1; before !== client.received.length; ) {
    before = client.received.length
    client.send(ACK)
  }
  assert.ok(client.longest <= 600)
  assert.equal(decoded(client.messages()[0]).answers.length, 400)
})

test('what was lost is sent again, and what is never taken is given up', () => {
  const client = new Client(new AskingMachine())
  client.open()
  client.isDeaf = true
  client.send(ACK, framed(question('nas.weft', 'A')))
  client.isDeaf = false
  client.machine.pass(500)
  client.read()
  assert.equal(client.messages().length, 1)
  client.isDeaf = true
  client.machine.pass(30_000)
  client.isDeaf = false
  client.send(ACK)
  assert.equal(client.sees(RST), true)
})

test('a connection that nobody uses is ended', () => {
  const client = new Client(new AskingMachine())
  client.open()
  client.machine.pass(10_000)
  client.read()
  assert.equal(client.sees(RST), true)
  assert.equal(client.machine.resolver.nextTimeout(), undefined)
})

test('what belongs to no connection, and another port, is reset', () => {
  const stray = new Client(new AskingMachine())
  stray.send(ACK, Uint8Array.of(1))
  assert.equal(stray.sees(RST), true)
  const closed = new Client(new AskingMachine(), { port: 80 })
  closed.send(SYN)
  assert.equal(closed.sees(RST), true)
})

test('a length that is a lie ends the connection', () => {
  const client = new Client(new AskingMachine())
  client.open()
  client.send(ACK, Uint8Array.of(0xff, 0xff, 1, 2, 3))
  assert.equal(client.sees(RST), true)
})

test('a resolver is asked by TCP, too', () => {
  const machine = new AskingMachine({ upstreams: [upstream('192.0.2.1:53')] })
  const client = new Client(machine)
  client.open()
  client.send(ACK, framed(question('example.com', 'A')))
  assert.equal(machine.asks[0]?.transport, 'tcp')
  const answers = Array.from(
    { length: 200 },
    () => ({ type: 'A', name: 'example.com', ttl: 9, data: '203.0.113.5' }) as const,
  )
  machine.answerAsk({ answers })
  client.read()
  for (let i = 0; i < 20; i++) client.send(ACK)
  assert.equal(decoded(client.messages()[0]).answers.length, 200)
})

test('more connections than there is room for end the oldest', () => {
  const machine = new AskingMachine()
  const clients = Array.from({ length: 65 }, (_, i) => new Client(machine, { from: 5000 + i }))
  for (const client of clients) {
    client.open()
    machine.pass(1)
  }
  assert.equal(clients[64]?.ask(question('nas.weft', 'A')).length, 1)
  clients[0]?.send(ACK, framed(question('nas.weft', 'A')))
  assert.equal(clients[0]?.sees(RST), true)
})

test('segments in any order, of any kind, do no harm', () => {
  const machine = new AskingMachine()
  let state = 99
  const next = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 8) % below
  }
  for (let round = 0; round < 300; round++) {
    const client = new Client(machine, { from: 6000 + next(20), window: next(3000) })
    client.open()
    for (let i = next(12); i > 0; i--) {
      client.jump(next(5) - 2)
      client.send(
        next(64),
        next(2) ? framed(question('nas.weft', 'A')).subarray(0, next(40)) : new Uint8Array(next(30)),
      )
    }
    machine.pass(next(3_000))
  }
  machine.pass(60_000)
  assert.equal(machine.resolver.nextTimeout(), undefined)
})

/** A program's end of a connection, as a kernel holds it. */
class Client {
  readonly machine: AskingMachine
  received: Uint8Array = new Uint8Array(0)
  longest = 0
  isDeaf = false
  readonly #ends: Ends
  readonly #mss: number
  readonly #window: number
  #sequence = 1000
  #next = 0
  #flags = 0

  constructor(machine: AskingMachine, options: { mss?: number; window?: number; port?: number; from?: number } = {}) {
    this.machine = machine
    this.#mss = options.mss ?? 1380
    this.#window = options.window ?? 65_000
    this.#ends = {
      source: OWN as IpAddress,
      sourcePort: options.from ?? 4000,
      destination: RESOLVER,
      destinationPort: options.port ?? 53,
    }
  }

  open(): void {
    this.send(SYN)
    this.send(ACK)
  }

  ask(message: Uint8Array): readonly Uint8Array[] {
    this.send(ACK, framed(message))
    return this.messages()
  }

  close(): void {
    this.send(FIN | ACK)
  }

  jump(by: number): void {
    this.#sequence += by
  }

  send(flags: number, data: Uint8Array = new Uint8Array(0)): void {
    const segment: TcpSegment = {
      flags,
      sequence: this.#sequence >>> 0,
      acknowledged: this.#next,
      window: this.#window,
      data,
      ...((flags & SYN) === 0 ? {} : { mss: this.#mss }),
    }
    this.#sequence += data.length + ((flags & (SYN | FIN)) === 0 ? 0 : 1)
    this.#flags = 0
    this.machine.tell({ kind: 'packet', packet: buildTcp(this.#ends, segment) })
    this.read()
  }

  sees(flag: number): boolean {
    return (this.#flags & flag) !== 0
  }

  /** Takes what came, in order. */
  read(): void {
    for (const packet of this.machine.packets.splice(0)) {
      assert.equal(sumOf(packet), 0, 'a right checksum')
      const read = readPacket(packet)
      if (read?.kind !== 'tcp' || read.ends.destinationPort !== this.#ends.sourcePort || this.isDeaf) continue
      this.#take(read.segment)
    }
  }

  messages(): readonly Uint8Array[] {
    const messages: Uint8Array[] = []
    for (let at = 0; at + 2 <= this.received.length; ) {
      const length = ((this.received[at] ?? 0) << 8) | (this.received[at + 1] ?? 0)
      messages.push(this.received.slice(at + 2, at + 2 + length))
      at += 2 + length
    }
    return messages
  }

  #take({ flags, sequence, data }: TcpSegment): void {
    this.#flags |= flags
    if ((flags & SYN) !== 0) this.#next = (sequence + 1) >>> 0
    else if (sequence === this.#next) {
      this.received = concatBytes(this.received, data)
      this.#next = (sequence + data.length + ((flags & FIN) === 0 ? 0 : 1)) >>> 0
    }
    this.longest = Math.max(this.longest, data.length)
  }
}

function sumOf(packet: Uint8Array): number {
  return checksum(packet, 20, packet.length - 20, pseudoHeaderSum(packet, 0, PROTOCOL_TCP, packet.length - 20))
}
