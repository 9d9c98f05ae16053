/*
 *   alice ─┬─ lan ─┬─ dora (coordinator)
 *   bob   ─┘       ┘
 */
import { Lab, LabMesh, type Machine } from '@weft/lab'
import { type Measurement, pairedRatio } from './measurement.ts'

const SECONDS_A_RUN = 5

/** One TCP stream from alice to bob, through the tunnel and over the bare wire, in turns. */
export async function benchThroughput(rounds: number): Promise<readonly Measurement[]> {
  using lab = await Lab.create()
  lab.switch('lan', { v4: '192.0.2.0/24' })
  const mesh = await LabMesh.serve(lab.machine('dora'))
  const [alice, bob] = await mesh.joinAll(lab.machine('alice'), lab.machine('bob'))
  await alice.reaches(bob.v4)
  const server = bob.machine.spawn('iperf3', '--server', '--forceflush')
  await server.line(/listening/)
  const tunnel: number[] = []
  const wire: number[] = []
  for (let round = 0; round < rounds; round++) {
    tunnel.push(await oneStream(alice.machine, bob.v4))
    wire.push(await oneStream(alice.machine, bob.machine.address))
  }
  const through: Measurement = { name: 'one TCP stream through the tunnel', unit: 'Gb/s', values: tunnel }
  const bare: Measurement = { name: 'one TCP stream over the bare wire', unit: 'Gb/s', values: wire }
  return [through, bare, pairedRatio('tunnel over wire', through, bare)]
}

/** Gb/s as received. */
async function oneStream(from: Machine, address: string): Promise<number> {
  const report: { end: { sum_received: { bits_per_second: number } } } = JSON.parse(
    await from.ok('iperf3', '--client', address, '--time', String(SECONDS_A_RUN), '--json'),
  )
  return report.end.sum_received.bits_per_second / 1e9
}
