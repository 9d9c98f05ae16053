import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concatBytes, fromHex, type IpAddress, seconds } from '@weft/base'
import { PrivateKey } from '@weft/keys'
import { defaultHubLimits } from '@weft/relay-protocol'
import { World } from './relay-world.ts'

test('the coordinator is let in by its key, is told what the relay knows, and is no node', () => {
  const world = new World()
  const coordinator = world.node({ coordinator: world.coordinatorKey })
  assert.match(coordinator.state, /^connected/)
  assert.equal(coordinator.welcome, 'true 3478 192.0.2.9 2')
  assert.equal(world.hub.nodes, 0)
  coordinator.send(world.node(), 'a datagram')
  assert.match(coordinator.state, /^away/)
})

test('the coordinator tells a relay elsewhere who was revoked; a member tells it nothing', () => {
  const world = new World()
  const [alice, bob] = [world.node(), world.node()]
  const coordinator = world.node({ coordinator: world.coordinatorKey })
  coordinator.revoke(alice)
  assert.equal(world.hub.counts().revoked, 1)
  assert.equal(world.hub.nodes, 1)
  bob.revoke(coordinator)
  assert.match(bob.state, /^away/)
  assert.equal(world.hub.counts()['message-malformed'], 1)
})

test('another key is not let in as the coordinator, nor a member by the coordinator’s frame of another time', () => {
  const world = new World()
  const impostor = world.node({ coordinator: PrivateKey.generate('coordinator', world.random) })
  assert.match(impostor.state, /^away/)
  const coordinator = world.node({ coordinator: world.coordinatorKey })
  const said = coordinator.sent.find((frame) => frame[0] === 9) ?? assert.fail()
  world.hub.opened(900)
  world.hub.received(900, said, world.clock.now())
  assert.equal(world.hub.counts()['admission-refused'], 2)
})

test('who calls the coordinator at the relay is answered once, by who has the token', () => {
  const world = new World()
  assert.equal(world.hub.called(1, '192.0.2.1' as IpAddress), false)
  const coordinator = world.node({ coordinator: world.coordinatorKey })
  assert.equal(world.hub.called(2, '192.0.2.1' as IpAddress), true)
  assert.equal(world.hub.called(3, '2001:db8::1' as IpAddress), true)
  world.run()
  const [[source, token] = [], [other, gone = ''] = []] = coordinator.callers.map((each) => each.split(' '))
  assert.deepEqual([source, other], ['192.0.2.1', '2001:db8::1'])
  world.hub.hungUp(3)
  const say = (client: number, text = '') => {
    world.hub.opened(client)
    world.hub.received(client, concatBytes(Uint8Array.of(13, 0, 16), fromHex(text) ?? assert.fail()), world.clock.now())
    const outputs: unknown[] = []
    for (let output = world.hub.poll(); output !== undefined; output = world.hub.poll())
      if (output.kind !== 'ready') outputs.push(output)
    return outputs
  }
  assert.deepEqual(say(901, token), [{ kind: 'answered', client: 901, caller: 2 }])
  assert.deepEqual(say(902, token), [{ kind: 'close', client: 902, reason: 'caller-gone' }])
  assert.deepEqual(say(903, gone), [{ kind: 'close', client: 903, reason: 'caller-gone' }])
  assert.equal(world.hub.take(901), undefined)
})

test('the coordinator asks whether it is reached, and the relay knocks where it comes from, at the port that was asked for', () => {
  const world = new World()
  const coordinator = world.node({ coordinator: world.coordinatorKey })
  coordinator.knock(8443)
  assert.deepEqual(world.knocks, ['192.0.2.9:8443'])
  assert.deepEqual(coordinator.knocked, ['silent'])
})

test('nobody is knocked at who comes from an address that does not lead to it from everywhere', () => {
  for (const address of [
    '192.168.1.7',
    '127.0.0.1',
    '100.64.0.1',
    '169.254.1.1',
    'fe80::1',
    'fd00::1',
    'ff02::1',
    '::',
  ]) {
    const world = new World()
    world.seenAt = address as IpAddress
    const coordinator = world.node({ coordinator: world.coordinatorKey })
    coordinator.knock(7480)
    assert.deepEqual([world.knocks, coordinator.knocked], [[], ['not-outside']], address)
  }
})

test('a relay knocks only so often, also for a coordinator that comes anew', () => {
  const world = new World({ ...defaultHubLimits, knocks: { burst: 2, perSecond: 1 / 30 } })
  world.node({ coordinator: world.coordinatorKey }).knock(7480)
  const coordinator = world.node({ coordinator: world.coordinatorKey })
  for (let i = 0; i < 3; i++) coordinator.knock(7480)
  assert.deepEqual(coordinator.knocked, ['silent', 'too-often', 'too-often'])
  world.run(seconds(30))
  coordinator.knock(7480)
  assert.equal(coordinator.knocked.at(-1), 'silent')
  assert.equal(world.knocks.length, 3)
})

test('a relay knocks for no member, and at no port 0', () => {
  const world = new World()
  const alice = world.node()
  alice.knock(7480)
  const coordinator = world.node({ coordinator: world.coordinatorKey })
  coordinator.knock(0)
  assert.deepEqual(world.knocks, [])
  assert.equal(world.hub.counts()['message-malformed'], 2)
})

test('a relay of version 1 is not asked to knock', () => {
  const world = new World()
  world.version = 1
  const coordinator = world.node({ coordinator: world.coordinatorKey })
  assert.equal(coordinator.welcome, 'true 3478 192.0.2.9 1')
  coordinator.knock(7480)
  assert.ok(!coordinator.sent.some(([type]) => type === 14))
  assert.match(coordinator.state, /^connected/)
})

test('a member is told of no callers, and a relay that tells it some is not listened to', () => {
  const world = new World()
  const alice = world.node()
  const frame = concatBytes(Uint8Array.of(12, 0, 33), new Uint8Array(16), Uint8Array.of(4), new Uint8Array(16))
  alice.hear(frame)
  assert.deepEqual(alice.callers, [])
  assert.match(alice.state, /^connected/)
})
