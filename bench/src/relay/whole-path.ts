import { Lab, type LabProcess, type Machine, reporting, skipReason, tailscalePrograms } from '@weft/lab'
import { cpuSeconds } from '../daemon.ts'
import type { Measurement } from '../measurement.ts'
import { Notes } from './notes.ts'
import { tailscalePath } from './tailscale-path.ts'
import { weftPath } from './weft-path.ts'

/**
 *   alice ──┐
 *           ├─ lan ── dora, relay and coordination server
 *   bob   ──┘
 *
 * UDP passes neither alice's cable nor bob's.
 */
export interface WholePath {
  readonly name: string
  readonly alice: Machine
  readonly bob: Machine
  /** Bob's, through the tunnel. */
  readonly address: string
  /** What carries the traffic: both ends and the relay. */
  readonly processes: readonly LabProcess[]
}

const LOADS = [
  { name: 'one TCP stream by the whole path', streams: 1 },
  { name: 'four TCP streams by the whole path', streams: 4 },
]
export const LAN = { v4: '192.0.2.0/24' } as const
const SECONDS = 4

const NO_UDP = `table inet lab {
  chain in { type filter hook input priority 0; iifname "eth0" meta l4proto udp drop; }
  chain out { type filter hook output priority 0; oifname "eth0" meta l4proto udp drop; }
}
`

/** Both are there throughout, and take turns. */
export async function wholePaths(rounds: number): Promise<readonly Measurement[]> {
  const reason = skipReason()
  if (reason !== false) {
    console.log(`the whole path is left out: ${reason}`)
    return []
  }
  const programs = tailscalePrograms()
  if ('missing' in programs) console.log(programs.missing)
  using lab = await Lab.create()
  return await reporting(lab, async () => {
    const paths = [await weftPath(lab), ...('missing' in programs ? [] : [await tailscalePath(lab, programs)])]
    for (const { bob } of paths) await bob.spawn('iperf3', '--server', '--forceflush').line(/listening/)
    return measured(paths, rounds)
  })
}

async function measured(paths: readonly WholePath[], rounds: number): Promise<readonly Measurement[]> {
  const notes = new Notes()
  for (let round = 0; round < rounds; round++) {
    for (const { name, streams } of LOADS) {
      for (const path of paths) {
        const { megabits, cpu } = await transfer(path, streams)
        notes.add(path.name, name, 'Mb/s', megabits)
        notes.add(path.name, `CPU of both ends and the relay, ${name}`, 's/GB', cpu)
      }
    }
  }
  return notes.measurements()
}

export async function blockUdp(machine: Machine): Promise<void> {
  const { code, stderr } = await machine.runWith({ input: NO_UDP }, 'nft', '-f', '-')
  if (code !== 0) throw new Error(`${machine.name} takes no rules: ${stderr}`)
}

/** What iperf3 from alice brings to bob, and CPU seconds of all processes for each 10⁹ bytes of it. */
async function transfer(
  path: WholePath,
  streams: number,
): Promise<{ readonly megabits: number; readonly cpu: number }> {
  const before = spent(path)
  const options = ['--time', String(SECONDS), '--parallel', String(streams), '--json']
  const report: { readonly end: { readonly sum_received: { readonly bytes: number; readonly seconds: number } } } =
    JSON.parse(await path.alice.ok('iperf3', '--client', path.address, ...options))
  const { bytes, seconds } = report.end.sum_received
  return { megabits: (bytes * 8) / seconds / 1e6, cpu: (spent(path) - before) / (bytes / 1e9) }
}

const spent = ({ processes }: WholePath): number => processes.reduce((sum, { pid }) => sum + cpuSeconds(pid), 0)
