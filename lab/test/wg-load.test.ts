/*
 *   alice (weft wg) ──┬── lan  192.0.2.0/24 ──┬── bob (a judge)
 *                     └── mallory, who floods ┘
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  Lab,
  type LabProcess,
  type Machine,
  PEERS,
  peerProgram,
  type ReadyPeer,
  reporting,
  skipReason,
  WgInterface,
} from '../src/index.ts'
import { program } from './programs/index.ts'

const isLong = process.env.WEFT_LONG === '1'
const PORT = 51820
/** More than weft likes to do. */
const MUCH_FOR_WEFT = 600
/** More than weft's lane lets up of what has no cookie. */
const TOO_MUCH_FOR_A_LANE = 5000
/** wireguard-go is under load once 128 messages wait. */
const MUCH_FOR_A_JUDGE = 15_000

describe('under a flood of handshakes', { timeout: 240_000 }, () => {
  for (const name of PEERS) {
    const isTried = name === 'wireguard-go' || isLong
    const judge = isTried ? peerProgram(name, { mayBuild: true }) : { missing: 'of the long set: npm run test:long' }
    const skip = skipReason() || ('missing' in judge ? judge.missing : false)
    it(`weft and ${name} ask each other for cookies, and still reach each other`, { skip }, async () => {
      assert.ok('path' in judge)
      await reachEachOther(judge)
    })
  }
})

async function reachEachOther(judge: ReadyPeer): Promise<void> {
  using lab = await Lab.create()
  await reporting(lab, async () => {
    lab.switch('lan', { v4: '192.0.2.0/24' })
    const mallory = lab.machine('mallory')
    const alice = await WgInterface.serve(lab.machine('alice'), 'weft', { addresses: ['10.0.0.1/24'], port: PORT })
    const bob = await WgInterface.serve(lab.machine('bob'), judge, { addresses: ['10.0.0.2/24'], port: PORT })

    for (const rate of [MUCH_FOR_WEFT, TOO_MUCH_FOR_A_LANE]) {
      const onWeft = await flood(mallory, alice, rate)
      await introduce(bob, alice)
      await bob.reaches('10.0.0.1')
      assert.ok(alice.process.lines.some((line) => line.includes('"cookie-sent"')))
      await onWeft.stop()
      await part(alice, bob)
    }

    const onJudge = await flood(mallory, bob, MUCH_FOR_A_JUDGE)
    await introduce(alice, bob)
    await alice.reaches('10.0.0.2')
    await onJudge.stop()
  })
}

/** Neither knows the other any more. */
async function part(one: WgInterface, other: WgInterface): Promise<void> {
  await one.set('peer', other.keys.publicKey, 'remove')
  await other.set('peer', one.keys.publicKey, 'remove')
}

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
