import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endpointOf, type Instant, type IpAddress, silentLogger, wallTime } from '@weft/base'
import { nativeCrypto as crypto } from '@weft/crypto'
import { meshIdOf, PrivateKey } from '@weft/keys'
import { systemClock } from '@weft/linux'
import { StunServer, startRelay } from '@weft/relay'
import {
  fuzz,
  mutateBytes,
  mutateHttp,
  mutateText,
  say,
  seededRandom,
  statusOf,
  strangersRequests,
} from '@weft/testing'
import { createStunRequest, readStunAnswer } from '@weft/traversal'
import { knock } from '../src/knock.ts'

const random = seededRandom(1)
const mesh = {
  mesh: meshIdOf(PrivateKey.generate('root', random).publicKey(crypto), crypto),
  coordinatorKey: PrivateKey.generate('coordinator', random).publicKey(crypto),
}

fuzz({
  name: 'what a stranger sends to a relay’s port',
  mutate: mutateHttp,
  scene: async () => {
    const directory = mkdtempSync(join(tmpdir(), 'weft-relay-'))
    const listen = { host: '127.0.0.1', port: 0 }
    const options = { stateDirectory: directory, mesh, listen, stunPort: 0, clock: systemClock, logger: silentLogger }
    const relay = await startRelay(options)
    const to = { host: '127.0.0.1', port: relay.port }
    return {
      valid: [...strangersRequests('/v1/relay', 'weft.relay.1'), ...strangersRequests('/v1/channel', 'weft.channel.1')],
      read: async (text) => statusOf(await say(to, text)),
      async close() {
        const answer = await fetch(`http://127.0.0.1:${relay.port}/healthz`)
        assert.deepEqual(await answer.json(), { status: 'ok', channel: 1, relay: 1 }, 'it serves as before')
        while (!relay.metrics().includes('weft_relay_connections 0\n')) await new Promise(setImmediate)
        await relay.close()
        rmSync(directory, { recursive: true })
      },
    }
  },
  reaches: ['101', '200', '400', '404', '503'],
  sources: ['relay/src/relay-http.ts', 'relay/src/relay-server.ts', 'relay/src/callers.ts'],
  inputs: { short: 1_000, long: 50_000 },
})

fuzz({
  name: 'what a stranger sends to a STUN server',
  mutate: mutateBytes,
  scene: async (draw) => {
    // So late each time that no rate is exceeded.
    let at = 0
    const clock = () => ({ instant: (++at * 1_000) as Instant, wall: wallTime(at * 1_000) })
    const server = await StunServer.listen({ host: '127.0.0.1', port: 0, clock })
    const socket = createSocket('udp4').bind(0, '127.0.0.1')
    await once(socket, 'listening')
    const mapped = `127.0.0.1:${socket.address().port}`
    let sent = 0
    return {
      valid: [createStunRequest(draw).datagram, createStunRequest(draw).datagram.fill(0, 20)],
      async read(datagram) {
        const answers: Uint8Array[] = []
        const hear = (answer: Uint8Array) => answers.push(answer)
        socket.on('message', hear)
        const { transaction, datagram: last } = createStunRequest(draw)
        for (const each of [datagram, last]) socket.send(each, server.port, '127.0.0.1')
        sent += 2
        do await once(socket, 'message')
        while (!answers.some((answer) => readStunAnswer(answer)?.transaction === transaction))
        socket.off('message', hear)
        for (const answer of answers) assert.equal(readStunAnswer(answer)?.mapped, mapped)
        return answers.length === 2 ? 'answered' : 'not answered'
      },
      async close() {
        const { answered = 0, 'not-stun': notStun = 0, ...others } = server.counts()
        assert.deepEqual([answered + notStun, others], [sent, {}], 'each was counted once')
        socket.close()
        await server.close()
      },
    }
  },
  reaches: ['answered', 'not answered'],
  sources: ['relay/src/stun-server.ts'],
  inputs: { short: 1_000, long: 50_000 },
})

fuzz({
  name: 'what answers where a relay knocks',
  mutate: mutateText,
  scene: async () => {
    let saying = ''
    let asked = ''
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', (data) => {
        asked = data.toString('latin1')
        socket.end(saying, 'latin1')
      })
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const at = endpointOf('127.0.0.1' as IpAddress, (server.address() as AddressInfo).port)
    return {
      valid: [204, 200, 101, 100, 301, 404].map(
        (status) => `HTTP/1.1 ${status} Whatever\r\nContent-Length: 0\r\nLocation: http://127.0.0.1:1/\r\n\r\n`,
      ),
      async read(text) {
        saying = text
        const outcome = await knock(at, new Uint8Array(16))
        assert.match(asked, /^GET \/v1\/knock\/0{32} HTTP\/1\.1\r\n/)
        if (outcome === 'answered') assert.ok(text.includes('204'))
        return outcome
      },
      async close() {
        server.close()
      },
    }
  },
  reaches: ['answered', 'other'],
  sources: ['relay/src/knock.ts'],
  inputs: { short: 500, long: 50_000 },
})
