/*
 *   alice (weft wg) ──┬── lan  192.0.2.0/24 ──┬── bob (wireguard-go)
 *                     └── mallory, who floods ┘
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Lab, type LabProcess, type Machine, reporting, skipReason, WgInterface, wireguardGo } from '../src/index.ts'
import { program } from './programs/index.ts'

const judge = skipReason() ? { missing: String(skipReason()) } : wireguardGo()
const skip = 'missing' in judge ? judge.missing : false
const PORT = 51820
/** More than weft likes to do, and less than its lane lets up. */
const MUCH_FOR_WEFT = 600
/** wireguard-go is under load once 128 messages wait. */
const MUCH_FOR_WIREGUARD_GO = 15_000

describe('under a flood of handshakes', { skip, timeout: 120_000 }, () => {
  it('weft and wireguard-go ask each other for cookies, and still reach each other', async () => {
    using lab = await Lab.create()
    await reporting(lab, async () => {
      assert.ok('path' in judge)
      lab.switch('lan', { v4: '192.0.2.0/24' })
      const mallory = lab.machine('mallory')
      const alice = await WgInterface.serve(lab.machine('alice'), 'weft', { addresses: ['10.0.0.1/24'], port: PORT })
      const bob = await WgInterface.serve(lab.machine('bob'), judge, { addresses: ['10.0.0.2/24'], port: PORT })

      const onWeft = await flood(mallory, alice, MUCH_FOR_WEFT)
      await introduce(bob, alice)
      await bob.reaches('10.0.0.1')
      assert.ok(bob.process.lines.some((line) => line.includes(`Receiving cookie response from ${alice.machine.v4}`)))
      await onWeft.stop()

      await Promise.all([
        alice.set('peer', bob.keys.publicKey, 'remove'),
        bob.set('peer', alice.keys.publicKey, 'remove'),
      ])
      const onJudge = await flood(mallory, bob, MUCH_FOR_WIREGUARD_GO)
      await introduce(alice, bob)
      await alice.reaches('10.0.0.2')
      const asked = `Sending cookie response for denied handshake message for ${alice.machine.v4}:${PORT}`
      assert.ok(bob.process.lines.some((line) => line.includes(asked)))
      await onJudge.stop()
    })
  })
})

/** Runs once its victim is under load. */
async function flood(from: Machine, victim: WgInterface, rate: number): Promise<LabProcess> {
  const flooding = from.spawn(...program('handshake-flood', victim.machine.v4 ?? '', PORT, victim.keys.publicKey, rate))
  await flooding.line(/a cookie reply came/)
  return flooding
}

/** The first knows where the second is, and begins. */
async function introduce(one: WgInterface, other: WgInterface): Promise<void> {
  await other.set('peer', one.keys.publicKey, 'allowed-ips', '10.0.0.0/24')
  await one.set('peer', other.keys.publicKey, 'endpoint', `${other.machine.v4}:${PORT}`, 'allowed-ips', '10.0.0.0/24')
}
