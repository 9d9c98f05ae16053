/*
 *   alice ─┐
 *          ├─ lan   192.0.2.0/24
 *   dora  ─┘  the server
 */
import assert from 'node:assert/strict'
import { chmodSync, chownSync, mkdirSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { labTest, type Machine, until } from '../src/index.ts'
import { program } from './programs/index.ts'

/** `nobody`, for the user that systemd makes: `DynamicUser=yes`. */
const UNPRIVILEGED = 65_534
const WEFT = resolve(import.meta.dirname, '../../weft')
const METRICS = '127.0.0.1:9480'

labTest(
  'what the units hold runs with their rights alone, says when it is ready, and feeds the watchdog',
  async (lab) => {
    lab.switch('lan', { v4: '192.0.2.0/24' })
    const [dora, alice] = [lab.machine('dora'), lab.machine('alice')]
    const state = dora.path('var/lib/weft-server')
    mkdirSync(state, { mode: 0o700 })
    chownSync(state, UNPRIVILEGED, UNPRIVILEGED)
    mkdirSync(alice.path('run/weft'))

    const server = await start(dora, 'server', [
      'setpriv',
      ...[`--reuid=${UNPRIVILEGED}`, `--regid=${UNPRIVILEGED}`, '--clear-groups', '--no-new-privs'],
      ...['--bounding-set=-all', '--inh-caps=-all'],
    ])
    const agent = await start(alice, 'agent', ['setpriv', '--bounding-set=-all,+net_admin', '--inh-caps=-all'])

    const made = statSync(dora.path('var/lib/weft-server/coordinator.sock'))
    assert.equal(made.uid, UNPRIVILEGED)

    const refused = await dora.run('setpriv', '--reuid=65533', '--clear-groups', WEFT, 'link', 'create')
    assert.deepEqual(
      [refused.code, refused.stderr],
      [1, 'weft: no agent runs here, and the server runs as a service: try it with sudo\n'],
    )
    // No agent runs on dora, and nobody says where the server's state lies.
    const { link } = JSON.parse(await dora.weftOk('link', 'create', '--json'))
    await alice.weftOk('up', link)
    await until('alice is connected', async () => {
      return JSON.parse(await alice.weftOk('status', '--json')).coordinator?.state === 'connected'
    })
    for (const [machine, socket, metric] of [
      [alice, '/run/weft/agent.sock', /^weft_coordinator_connected 1$/m],
      [dora, '/var/lib/weft-server/coordinator.sock', /^weft_server_devices\{state="online"\} 1$/m],
    ] as const) {
      assert.match(await machine.ok('curl', '-sf', `http://${METRICS}/metrics`), metric)
      assert.match(await machine.ok('curl', '-sf', '--unix-socket', socket, 'http://weft/metrics'), metric)
      assert.notEqual((await machine.run('curl', '-sf', `http://${METRICS}/`)).code, 0)
    }
    for (const { notices, unit } of [agent, server]) {
      await notices.line(/^WATCHDOG=1$/)
      await unit.stop()
      await notices.line(/^STOPPING=1$/)
      await notices.stop()
    }
  },
)

/** The command of the unit, as systemd would start it; ready when it says so. */
async function start(machine: Machine, part: 'agent' | 'server', rights: readonly [string, ...string[]]) {
  const text = await machine.weftOk('service', 'install', part, '--print', '--', '--metrics', METRICS)
  const command = /^ExecStart=(.*)$/m.exec(text)?.[1]?.split(' ') ?? []
  assert.ok(command.length > 2)
  const notices = machine.spawn(...program('notify-socket', '/run/notify'))
  await notices.line(/listening/)
  chmodSync(machine.path('run/notify'), 0o777)
  const env = { NOTIFY_SOCKET: '/run/notify', WATCHDOG_USEC: '600000' }
  const unit = machine.spawnWith(env, ...rights, ...command)
  await notices.line(/^READY=1$/)
  return { notices, unit }
}
