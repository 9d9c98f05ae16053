import { type Lab, type LabProcess, type Machine, type TailscalePrograms, until } from '@weft/lab'
import { blockUdp, LAN, type WholePath } from './whole-path.ts'

const CONTROL_PORT = 8080
const RELAY_PORT = 3340
const SOCKET = '/run/tailscaled.sock'
/** As weft's does here, the relay speaks HTTP: what passes is sealed anyway. */
const ENVIRONMENT = { TS_DEBUG_USE_DERP_HTTP: 'true', TS_NO_LOGS_NO_SUPPORT: 'true' } as const
const START_TIMEOUT_MS = 30_000

/** Two tailscaleds, each with a TUN, and derper; the control server of Tailscale's own tests tells them of each other. */
export async function tailscalePath(lab: Lab, programs: TailscalePrograms): Promise<WholePath> {
  const lan = lab.switch('tailscale', LAN)
  const [dora, alice, bob] = [
    lab.machine('ts-dora', { on: lan }),
    lab.machine('ts-alice', { on: lan }),
    lab.machine('ts-bob', { on: lan }),
  ]
  const relay = dora.spawn(
    ...([programs.derper, '-a', `${dora.address}:${RELAY_PORT}`, '-http-port', '-1'] as const),
    ...(['-stun=false', '-c', '/run/derper'] as const),
  )
  const control = `${dora.address}:${CONTROL_PORT}`
  dora.spawn(programs.control, '-listen', control, '-relay', dora.address, '-relay-port', String(RELAY_PORT))
  await until('control server and relay answer', async () => {
    const answers = [`http://${control}/key?v=100`, `http://${dora.address}:${RELAY_PORT}/`]
    for (const url of answers) await dora.ok('curl', '-sf', '-m', '2', '-o', '/dev/null', url)
    return true
  })
  const nodes: LabProcess[] = []
  for (const machine of [alice, bob]) {
    await blockUdp(machine)
    nodes.push(await startNode(machine, programs.tailscaled, `http://${control}`))
  }
  const address = (await cli(bob, programs.tailscaled, 'ip', '-4')).trim()
  await until('alice reaches bob', () => alice.ok('ping', '-c', '1', '-W', '2', address), { timeout: START_TIMEOUT_MS })
  return { name: 'Tailscale', alice, bob, address, processes: [relay, ...nodes] }
}

async function startNode(machine: Machine, program: string, control: string): Promise<LabProcess> {
  const flags = ['--tun=tailscale0', `--socket=${SOCKET}`, '--statedir=/var/lib/tailscale', '--port=41641']
  const node = machine.spawnWith(ENVIRONMENT, program, ...flags)
  await until(`${machine.name} listens`, () => machine.ok('test', '-S', SOCKET), { timeout: START_TIMEOUT_MS }).catch(
    () => {},
  )
  await cli(machine, program, 'up', `--login-server=${control}`, '--accept-dns=false', '--netfilter-mode=off')
  return node
}

/** `tailscale`, which is in the same program. */
async function cli(machine: Machine, program: string, ...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await machine.runWith(
    { env: { TS_BE_CLI: '1' } },
    program,
    `--socket=${SOCKET}`,
    ...words,
  )
  if (code !== 0) throw new Error(`${machine.name}: tailscale ${words.join(' ')}: ${stderr || stdout}`)
  return stdout
}
