/*
 *   alice (weft wg) ── lan  192.0.2.0/24 ── bob (a judge)        the long set: real time past two renewals
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  Lab,
  PEERS,
  packetLoss,
  peerProgram,
  type ReadyPeer,
  reporting,
  skipReason,
  WgInterface,
} from '../src/index.ts'

const isLong = process.env.WEFT_LONG === '1'
const PORT = 51820
/** 250 s: past 2 × 120 s. */
const ECHOES = ['-n', '-i', '0.05', '-c', '5000', '-W', '3'] as const

// Nearly all of their time is waiting.
describe('sessions under traffic', { concurrency: true, timeout: 900_000 }, () => {
  for (const name of PEERS) {
    const judge = isLong ? peerProgram(name, { mayBuild: true }) : { missing: 'of the long set: npm run test:long' }
    const skip = skipReason() || ('missing' in judge ? judge.missing : false)
    for (const initiator of ['weft', name] as const) {
      it(`with ${name} are renewed without a packet lost when ${initiator} began`, { skip }, async () => {
        assert.ok('path' in judge)
        await isRenewed(judge, initiator === 'weft')
      })
    }
  }
})

async function isRenewed(judge: ReadyPeer, weftBegins: boolean): Promise<void> {
  using lab = await Lab.create()
  await reporting(lab, async () => {
    lab.switch('lan', { v4: '192.0.2.0/24' })
    const alice = await WgInterface.serve(lab.machine('alice'), 'weft', { addresses: ['10.0.0.1/24'], port: PORT })
    const bob = await WgInterface.serve(lab.machine('bob'), judge, { addresses: ['10.0.0.2/24'], port: PORT })
    const [first, second] = weftBegins ? [alice, bob] : [bob, alice]
    await second.set('peer', first.keys.publicKey, 'allowed-ips', '10.0.0.0/24')
    const endpoint = `${second.machine.v4}:${PORT}`
    await first.set('peer', second.keys.publicKey, 'endpoint', endpoint, 'allowed-ips', '10.0.0.0/24')
    await first.reaches(weftBegins ? '10.0.0.2' : '10.0.0.1')
    const pings = [alice.machine.spawn('ping', ...ECHOES, '10.0.0.2'), bob.machine.spawn('ping', ...ECHOES, '10.0.0.1')]
    await Promise.all(pings.map(({ exited }) => exited))
    for (const { lines } of pings) assert.equal(packetLoss(lines.join('\n')), 0)
    const shakes = alice.process.lines.filter((line) => line.includes('handshake complete')).length
    assert.ok(shakes >= 3, `${shakes} handshakes`)
  })
}
