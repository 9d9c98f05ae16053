import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { instant } from '@weft/base'
import { runSeed, seededRandom } from '@weft/testing'
import type { SimulatedDevice } from './simulated-device.ts'
import { SimulatedWorld } from './simulated-world.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
/** Past the life of a session: what goes on then has been made anew. */
const REKEYED = 250_000
/** What a machine with two peers may send within its first second awake: a few tries each, and no more. */
const FIRST_SECOND = 60

interface Three {
  readonly world: SimulatedWorld
  readonly alice: SimulatedDevice
  readonly bob: SimulatedDevice
  readonly carol: SimulatedDevice
}

/** Three devices that reach each other; the world ends with the test. */
async function three(context: TestContext): Promise<Three> {
  const world = new SimulatedWorld(seededRandom(runSeed()))
  context.after(() => world.close())
  await world.startCoordinator()
  const devices: SimulatedDevice[] = []
  for (const label of ['alice', 'bob', 'carol']) {
    const device = await world.addDevice(label)
    assert.ok(device !== undefined)
    devices.push(device)
    await world.run(1_000)
  }
  const [alice, bob, carol] = devices as [SimulatedDevice, SimulatedDevice, SimulatedDevice]
  await world.run(5_000)
  // Certificates are older than a clock is set back.
  for (const device of devices) device.stop()
  await world.run(2 * DAY)
  for (const device of devices) device.start()
  await world.run(5_000)
  await allReach(world, devices)
  return { world, alice, bob, carol }
}

async function allReach(world: SimulatedWorld, devices: readonly SimulatedDevice[]): Promise<void> {
  for (const from of devices) {
    for (const to of devices)
      if (from !== to) assert.equal(await reaches(world, from, to), true, `${from.label} → ${to.label}`)
  }
}

async function reaches(world: SimulatedWorld, from: SimulatedDevice, to: SimulatedDevice): Promise<boolean> {
  const token = from.ping(to.id, 12_000)
  await world.run(12_010)
  return from.outcomeOf(token) === 'reply'
}

/** A packet each second; how many arrived. */
async function talk(
  world: SimulatedWorld,
  from: SimulatedDevice,
  to: SimulatedDevice,
  seconds: number,
): Promise<number> {
  const before = to.received.length
  for (let second = 0; second < seconds; second++) {
    if (to.joined !== undefined) from.sendTo(to.joined.address4, second)
    await world.run(1_000)
  }
  return to.received.length - before
}

for (const [name, jump] of [
  ['back by an hour', -HOUR],
  ['back by a day', -DAY],
  ['forward by an hour', HOUR],
  ['forward by a day', DAY],
] as const) {
  test(`a clock that is set ${name} loses no packet of a session, nor of its renewals`, async (context) => {
    const { world, alice, bob } = await three(context)
    alice.wallShift = jump
    assert.equal(await talk(world, alice, bob, REKEYED / 1000), REKEYED / 1000)
    assert.equal(await talk(world, bob, alice, 5), 5)
    alice.wallShift = 0
    assert.equal(await talk(world, alice, bob, REKEYED / 1000), REKEYED / 1000, 'set right again')
  })

  test(`a node that restarts after its clock was set ${name} reaches its peers, and again when the clock is right`, async (context) => {
    const { world, alice, bob, carol } = await three(context)
    alice.wallShift = jump
    assert.equal(await reaches(world, alice, bob), true)
    await world.run(REKEYED)
    for (const shift of [jump, 0]) {
      alice.crash()
      alice.wallShift = shift
      await world.run(2_000)
      alice.start()
      await world.run(2_000)
      for (const other of [bob, carol]) {
        assert.equal(await reaches(world, alice, other), true, `alice → ${other.label}`)
        assert.equal(await reaches(world, other, alice), true, `${other.label} → alice`)
      }
    }
  })
}

test('who joins while a clock is a day behind is refused there by its certificate, and taken within minutes of the clock being right', async (context) => {
  const { world, alice } = await three(context)
  alice.wallShift = -DAY
  const dora = await world.addDevice('dora')
  assert.ok(dora !== undefined)
  await world.run(5_000)
  assert.deepEqual(
    alice.status()?.refused.map(({ reason }) => reason),
    ['chain-not-yet-valid'],
  )
  assert.equal(alice.status()?.peers.length, 2, 'who was known stays')
  alice.wallShift = 0
  await world.run(2 * MINUTE)
  assert.deepEqual(alice.status()?.refused, [])
  assert.equal(await reaches(world, alice, dora), true)
})

for (const [name, length] of [
  ['a minute', MINUTE],
  ['2,000 seconds', 2_000_000],
  ['a day', DAY],
] as const) {
  test(`a node that sleeps for ${name} is back within seconds, with no burst of stale timers`, async (context) => {
    const { world, alice, bob, carol } = await three(context)
    alice.asleepUntil = instant(world.now.instant + length)
    await world.run(length - 1)
    const before = alice.sent
    await world.run(1_000)
    assert.ok(alice.sent - before <= FIRST_SECOND, `${alice.sent - before} datagrams in the first second awake`)
    assert.equal(await reaches(world, alice, bob), true)
    assert.equal(await reaches(world, carol, alice), true)
    assert.equal(alice.status()?.coordinator?.state, 'connected')
  })
}

test('all of them without a turn for 2,000 seconds go on as if nothing was', async (context) => {
  const { world, alice, bob, carol } = await three(context)
  const until = instant(world.now.instant + 2_000_000)
  for (const device of [alice, bob, carol]) device.asleepUntil = until
  await world.run(2_000_000 - 1)
  const before = world.datagrams
  await world.run(1_000)
  assert.ok(world.datagrams - before <= 3 * FIRST_SECOND, `${world.datagrams - before} datagrams in the first second`)
  await world.run(9_000)
  await allReach(world, [alice, bob, carol])
})
