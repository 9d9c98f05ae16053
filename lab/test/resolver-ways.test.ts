/*
 *   a machine for each way ─┐
 *   bob    web and ssh      ├─ lan   192.0.2.0/24
 *   first, second           │  resolvers for all other names
 *   dora                   ─┘  the coordinator
 */
import assert from 'node:assert/strict'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { missing } from '@weft/testing/requirements'
import { Lab, LabMesh, type Machine, type MeshNode, type Outcome, reporting, skipReason, until } from '../src/index.ts'
import { type SshCommand, startSshServer } from './daemons.ts'
import { program } from './programs/index.ts'
import { RESOLVER_WAYS, type ResolverWay } from './resolver-ways.ts'

const skip =
  skipReason() ||
  missing(
    ...(['dig', 'getent', 'ssh', 'ssh-keygen', 'dbus-daemon', 'openssh-server'] as const),
    ...(['openresolv', 'systemd-resolved', 'network-manager'] as const),
  )

const TEXT = 'the text of bob'
/** A resolver that changed is looked for every 16 s, and NetworkManager takes its time. */
const PATIENT = { timeout: 30_000 }

describe('names', { skip, timeout: 900_000 }, () => {
  let lab: Lab
  let mesh: LabMesh
  let bob: MeshNode
  let ssh: SshCommand
  let first: Machine
  let second: Machine

  before(async () => {
    lab = await Lab.create()
    lab.switch('lan', { v4: '192.0.2.0/24' })
    await reporting(lab, async () => {
      mesh = await LabMesh.serve(lab.machine('dora'))
      const machine = lab.machine('bob', { packages: ['openssh-server'] })
      ssh = await startSshServer(machine)
      await machine.spawn(...program('web-server', 8080, TEXT)).line(/listening/)
      bob = await mesh.join(machine)
      first = lab.machine('first')
      second = lab.machine('second')
      for (const each of [first, second])
        await each.spawn(...program('odd-resolver', each.address, each.address)).line(/listening/)
    })
  })
  after(() => lab[Symbol.dispose]())

  const claim = (name: string, run: () => Promise<void>) => it(name, () => reporting(lab, run))

  for (const [called, make] of Object.entries(RESOLVER_WAYS))
    describe(`with ${called}`, () => {
      let way: ResolverWay
      let machine: Machine
      let untouched: string

      const up = async (...args: readonly string[]) => {
        await machine.weftOk('up', ...args)
        await until(
          'the way is taken',
          async () => {
            const { names } = JSON.parse(await machine.weftOk('status', '--json'))
            assert.deepEqual([names.way, names.reason], [way.way, undefined])
            return true
          },
          { timeout: 45_000 },
        )
      }
      const down = async () => {
        await machine.weftOk('down')
        assert.equal(await way.state(), untouched)
      }

      before(() =>
        reporting(lab, async () => {
          way = await make(lab, first.address)
          machine = way.machine
          untouched = await way.state()
        }),
      )

      claim('are found by dig, getent, curl, ping and ssh, as others are', async () => {
        await up((await mesh.createLink()).link)
        await findsBob('bob')
        assert.notEqual(await way.state(), untouched)
        // A manager that does not know of the interface's IPv6 switches it off.
        assert.equal((await machine.run('ping', '-c', '1', '-W', '5', bob.v6)).code, 0)
      })

      claim('follow a rename', async () => {
        await rename('bob', 'robert')
        try {
          await findsBob('robert')
          await findsNobody('bob.weft')
        } finally {
          await rename('robert', 'bob')
        }
        await findsBob('bob')
      })

      claim('go with the agent, and come with the next', async () => {
        await down()
        await findsNobody('bob.weft')
        await up()
        await findsBob('bob')
      })

      claim('are found by the next agent after one that was killed, which leaves nothing', async () => {
        await killAgent(machine)
        await up()
        await findsBob('bob')
        await down()
        await up()
        await killAgent(machine)
        await machine.weftOk('up', '--no-dns')
        assert.equal(await way.state(), untouched)
        await machine.weftOk('down')
      })

      claim('are found while others are asked elsewhere, which stays so', async () => {
        await up()
        await way.lease(second.address)
        first.setCable('down')
        try {
          await findsBob('bob')
        } finally {
          first.setCable('up')
        }
        untouched = untouched.replaceAll(first.address, second.address)
        await down()
      })

      claim('are found when a tool that knows of nobody writes its own resolv.conf', async () => {
        await up()
        const path = machine.path('etc/resolv.conf')
        const text = `nameserver ${first.address}\n`
        rmSync(path)
        writeFileSync(path, text)
        await until('weft is asked again', () => readFileSync(path, 'utf8').includes('search weft'))
        await findsBob('bob')
        await machine.weftOk('down')
        assert.equal(readFileSync(path, 'utf8'), text)
        await machine.weftOk('up')
        await findsBob('bob')
      })

      claim('end with a device that is removed', async () => {
        const eve = await mesh.join(lab.machine(`eve-${machine.name}`.slice(0, 15)))
        await until('eve is found', () => finds(machine, 'getent', eve.name, eve.v4))
        await mesh.machine.weftOk('remove', eve.name, '--state', '/var/lib/weft')
        await findsNobody(`${eve.name}.weft`)
        await machine.weftOk('down')
      })

      async function findsBob(name: string): Promise<void> {
        for (const each of [name, `${name}.weft`])
          for (const tool of TOOLS)
            await until(`${tool} finds ${each}`, () => finds(machine, tool, each, bob.v4), PATIENT)
        await until('others are found', () => finds(machine, 'getent', 'www.example.org', '203.0.113.9'), PATIENT)
      }

      async function findsNobody(name: string): Promise<void> {
        for (const tool of TOOLS)
          await until(
            `${tool} does not find ${name}`,
            async () => DENIED[tool](await ask(machine, tool, name)),
            PATIENT,
          )
      }
    })

  async function rename(from: string, to: string): Promise<void> {
    await mesh.machine.weftOk('rename', from, to, '--state', '/var/lib/weft')
  }

  function ask(machine: Machine, tool: Tool, name: string): Promise<Outcome> {
    const command = tool === 'ssh' ? ([...ssh, name, 'hostname'] as const) : COMMANDS[tool](name)
    return machine.run(...(command as SshCommand))
  }

  async function finds(machine: Machine, tool: Tool, name: string, address: string): Promise<boolean> {
    const { code, stdout, stderr } = await ask(machine, tool, name)
    const answer = { dig: address, getent: address, curl: TEXT, ping: '', ssh: 'bob\n' }[tool]
    if (code !== 0 || !stdout.startsWith(answer)) throw new Error(`${code}: ${stdout}${stderr}`)
    return true
  }
})

const TOOLS = ['dig', 'getent', 'curl', 'ping', 'ssh'] as const
type Tool = (typeof TOOLS)[number]

const COMMANDS: Readonly<Record<Exclude<Tool, 'ssh'>, (name: string) => readonly [string, ...string[]]>> = {
  dig: (name) => ['dig', '+short', '+search', '+time=2', '+tries=1', name],
  getent: (name) => ['getent', 'ahostsv4', name],
  curl: (name) => ['curl', '-sS', '-m', '5', `http://${name}:8080/`],
  ping: (name) => ['ping', '-c', '1', '-W', '2', name],
}

/** That the name is not there, and nothing else. */
const DENIED: Readonly<Record<Tool, (outcome: Outcome) => boolean>> = {
  dig: ({ code, stdout }) => code === 0 && stdout === '',
  getent: ({ code, stdout }) => code === 2 && stdout === '',
  curl: ({ code }) => code === 6,
  ping: ({ code, stderr }) => code === 2 && /not known/.test(stderr),
  ssh: ({ code, stderr }) => code === 255 && /Could not resolve hostname/.test(stderr),
}

/** As if it had been out of memory. */
async function killAgent(machine: Machine): Promise<void> {
  const pid = Number(readFileSync(machine.path('var/lib/weft/agent.lock'), 'utf8'))
  assert.ok(machine.processes.includes(pid), `${pid} is an agent`)
  process.kill(pid, 'SIGKILL')
  await until('the agent is gone', () => !machine.processes.includes(pid))
}
