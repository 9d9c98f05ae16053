import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import type { Endpoint, Prefix } from '@weft/base'
import { missing } from '@weft/testing/requirements'
import type { TunProgram } from './tun-program.ts'

/*
 *   namespace a                                  namespace b
 *   weft-a 100.64.0.1, fd00::1                   weft-b 100.64.0.2, fd00::2
 *   wire   10.99.0.1, fd99::1  ────── veth ──────  10.99.0.2, fd99::2
 */
const skip = missing('root', '/dev/net/tun', 'network namespaces', 'ip', 'ping', 'iperf3', 'ethtool')
const A = `weft-lane-a-${process.pid}`
const B = `weft-lane-b-${process.pid}`
const PORT = 7481

interface Scenario {
  readonly claim: string
  readonly family?: 4 | 6
  readonly plain?: boolean
  readonly mtu?: number
  /** Done to the wire in both namespaces. */
  readonly wire?: readonly (readonly string[])[]
  /** Of the datagrams that alice's kernel had to fragment. */
  readonly fragments?: (count: number) => boolean
}

const scenarios: readonly Scenario[] = [
  { claim: 'by IPv4' },
  { claim: 'by IPv6', family: 6 },
  { claim: 'over TUNs without offloads', plain: true },
  {
    claim: 'over a device without checksum offload, where runs are refused',
    wire: [['ethtool', '-K', 'wire', 'tx', 'off']],
  },
  {
    claim: 'over a wire without super-packets',
    wire: [['ethtool', '-K', 'wire', 'tx-udp-segmentation', 'off', 'gro', 'off']],
  },
  {
    claim: 'over a wire for shorter packets than the path was told to carry, with shorter segments',
    wire: [['ip', 'link', 'set', 'wire', 'mtu', '1400']],
    // Two MiB in segments of full length would make about 3,000; packets that the system did not join stay long.
    fragments: (count) => count > 0 && count < 1000,
  },
  {
    claim: 'with the longest packets that one datagram carries',
    mtu: 65_475,
    wire: [['ip', 'link', 'set', 'wire', 'mtu', '65535']],
  },
]

for (const {
  claim,
  family = 4,
  plain = false,
  mtu = 1420,
  wire = [],
  fragments = (count: number) => count === 0,
} of scenarios)
  test(`two namespaces reach each other through two lanes ${claim}`, { skip }, async (t) => {
    layWire(t)
    for (const [command = '', ...words] of wire) for (const namespace of [A, B]) run(namespace, command, ...words)
    const at = (host: number) => (family === 4 ? `10.99.0.${host}:${PORT}` : `[fd99::${host}]:${PORT}`) as Endpoint
    const common = { family, port: PORT, plain, mtu }
    await Promise.all([
      startLane(t, B, { ...common, tun: 'weft-b', role: 'responder', remote: at(1), prefixes: host(1) }),
      startLane(t, A, { ...common, tun: 'weft-a', role: 'initiator', remote: at(2), prefixes: host(2) }),
    ])
    for (const [namespace, tun, number] of [
      [A, 'weft-a', 1],
      [B, 'weft-b', 2],
    ] as const) {
      ip('-n', namespace, 'addr', 'add', `100.64.0.${number}/24`, 'dev', tun)
      ip('-n', namespace, 'addr', 'add', `fd00::${number}/64`, 'dev', tun, 'nodad')
      ip('-n', namespace, 'link', 'set', tun, 'up')
    }
    const before = fragmentsMade()
    for (const address of ['100.64.0.2', 'fd00::2']) {
      // The largest that fits; the initiator's first packet also confirms the session.
      const size = mtu - (address.includes(':') ? 48 : 28)
      const ping = ['ping', '-c', '3', '-i', '0.05', '-W', '5', '-M', 'do', '-s', String(size), address]
      assert.match(inNamespace(A, ...ping), / 3 received, 0% packet loss/)
    }
    const server = spawn('ip', ['netns', 'exec', B, 'iperf3', '--server', '--forceflush'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    t.after(() => server.kill())
    await once(server.stdout, 'data')
    for (const address of ['100.64.0.2', 'fd00::2'])
      for (const options of [[], ['--reverse'], ['--udp', '--bitrate', '10M', '--length', '1200']]) {
        const transfer = ['iperf3', '--client', address, '--bytes', '1M', '--json', ...options]
        const { error, end } = JSON.parse(inNamespace(A, ...transfer)) as Transfer
        assert.equal(error, undefined)
        assert.equal((end.sum_received ?? end.sum)?.lost_packets ?? 0, 0)
      }
    assert.ok(fragments(fragmentsMade() - before), `${fragmentsMade() - before} fragments`)
  })

interface Transfer {
  readonly error?: string
  readonly end: { readonly sum_received?: Lost; readonly sum?: Lost }
}
interface Lost {
  readonly lost_packets?: number
}

/** By the kernel, of both families. */
function fragmentsMade(): number {
  const [names = '', values = ''] = inNamespace(A, 'grep', '^Ip:', '/proc/net/snmp').split('\n')
  const created = Number(values.split(' ')[names.split(' ').indexOf('FragCreates')])
  const created6 = Number(/^Ip6FragCreates\s+(\d+)$/m.exec(inNamespace(A, 'cat', '/proc/net/snmp6'))?.[1])
  return created + created6
}

const host = (number: number) => [`100.64.0.${number}/32`, `fd00::${number}/128`] as Prefix[]

function layWire(t: TestContext): void {
  t.after(() => {
    for (const namespace of [A, B]) spawnSync('ip', ['netns', 'del', namespace])
  })
  for (const namespace of [A, B]) ip('netns', 'add', namespace)
  ip('link', 'add', 'wire', 'netns', A, 'type', 'veth', 'peer', 'name', 'wire', 'netns', B)
  for (const [namespace, number] of [
    [A, 1],
    [B, 2],
  ] as const) {
    ip('-n', namespace, 'addr', 'add', `10.99.0.${number}/24`, 'dev', 'wire')
    ip('-n', namespace, 'addr', 'add', `fd99::${number}/64`, 'dev', 'wire', 'nodad')
    ip('-n', namespace, 'link', 'set', 'wire', 'up')
    ip('-n', namespace, 'link', 'set', 'lo', 'up')
  }
}

async function startLane(t: TestContext, namespace: string, program: TunProgram): Promise<void> {
  const path = new URL('./tun-program.ts', import.meta.url).pathname
  const child = spawn('ip', ['netns', 'exec', namespace, process.execPath, path, JSON.stringify(program)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.after(() => endOf(child))
  const [line] = (await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])) as [unknown]
  assert.equal(String(line), 'ready\n')
}

async function endOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.stdin?.end()
  await once(child, 'exit')
}

function inNamespace(namespace: string, ...command: readonly string[]): string {
  const { stdout, stderr } = spawnSync('ip', ['netns', 'exec', namespace, ...command], { encoding: 'utf8' })
  return stdout + stderr
}

function run(namespace: string, ...command: readonly string[]): void {
  execFileSync('ip', ['netns', 'exec', namespace, ...command], { stdio: 'ignore' })
}

function ip(...words: readonly string[]): void {
  execFileSync('ip', words)
}
