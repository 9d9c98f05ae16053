import { once } from 'node:events'
import { type Endpoint, instant, type Prefix } from '@weft/base'
import type { SocketId } from '@weft/datapath'
import { bootMilliseconds } from '@weft/native'
import type { PeerIndex } from '@weft/wireguard'
import { LaneDatapath } from '../src/index.ts'

/*
 * A node without a handshake, to be run in a network namespace: a lane over a TUN, with one peer and one session whose
 * keys are fixed. Prints `ready`; ends with its standard input.
 */
export interface TunProgram {
  readonly tun: string
  readonly family: 4 | 6
  readonly port: number
  readonly remote: Endpoint
  readonly prefixes: readonly Prefix[]
  /** 1420 where absent. */
  readonly mtu?: number
  readonly plain?: boolean
  readonly role: 'initiator' | 'responder'
}

const PEER = 0 as PeerIndex
const SOCKET = 0 as SocketId
const [there, back] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]

const program = JSON.parse(process.argv[2] ?? '') as TunProgram
const { mtu = 1420 } = program
const opened = Promise.withResolvers<void>()
const datapath = await LaneDatapath.open({
  port: { kind: 'tun', name: program.tun, mtu, plain: program.plain ?? false },
  onReport: (report) => {
    if (report.kind === 'socket-opened') opened.resolve()
    if (report.kind === 'socket-failed' || report.kind === 'failed') opened.reject(new Error(JSON.stringify(report)))
  },
})
const isInitiator = program.role === 'initiator'
datapath.tell({ kind: 'open-socket', socket: SOCKET, family: program.family, port: program.port })
datapath.tell({ kind: 'add-peer', peer: PEER })
datapath.tell({ kind: 'set-allowed-ips', peer: PEER, prefixes: program.prefixes })
datapath.tell({
  kind: 'set-path',
  peer: PEER,
  path: { route: { kind: 'direct', socket: SOCKET, remote: program.remote }, mtu },
})
datapath.tell({
  kind: 'set-filter',
  rules: [
    {
      reason: 'test',
      sources: program.prefixes,
      destinations: ['0.0.0.0/0', '::/0'] as Prefix[],
      protocol: 'any',
    },
  ],
})
datapath.tell({
  kind: 'install-session',
  peer: PEER,
  session: {
    role: program.role,
    localIndex: isInitiator ? 1 : 2,
    remoteIndex: isInitiator ? 2 : 1,
    sendKey: isInitiator ? there : back,
    receiveKey: isInitiator ? back : there,
    rekeyAfter: undefined,
    rekeyAfterReceiving: undefined,
    rejectAfter: instant(bootMilliseconds() + 3_600_000),
  },
})
await opened.promise
const beat = setInterval(() => datapath.beat(), 1000)
process.stdout.write('ready\n')
process.stdin.resume()
await once(process.stdin, 'end')
clearInterval(beat)
await datapath.close()
