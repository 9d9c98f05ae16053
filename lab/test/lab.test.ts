/*
 *   alice ─┐
 *          ├─ lan   192.0.2.0/24, 2001:db8:1::/64
 *   bob  ──┘
 */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { hostname } from 'node:os'
import { describe, it } from 'node:test'
import { Lab, LabError, labTest, skipReason, until } from '../src/index.ts'

const LAB_MODULE = import.meta.resolve('../src/index.ts')

labTest('machines on one switch reach each other by IPv4 and IPv6', async (lab) => {
  const [alice, bob] = pair(lab)
  assert.deepEqual([alice.v4, alice.v6, bob.v4, bob.v6], ['192.0.2.1', '2001:db8:1::1', '192.0.2.2', '2001:db8:1::2'])
  await alice.ok('ping', '-c', '1', '-W', '5', '192.0.2.2')
  await alice.ok('ping', '-c', '1', '-W', '5', '2001:db8:1::2')
})

labTest('a machine has its own name, state and runtime directories, and the host keeps its own', async (lab) => {
  const [alice, bob] = pair(lab)
  assert.equal(await alice.ok('hostname'), 'alice\n')
  await alice.ok('sh', '-c', 'echo here > /run/mark && echo there > /var/lib/mark')
  assert.equal(await alice.ok('cat', '/run/mark', alice.path('var/lib/mark')), 'here\nthere\n')
  assert.notEqual((await bob.run('cat', '/run/mark')).code, 0)
  assert.equal(existsSync('/run/mark'), false)
  assert.notEqual(hostname(), 'alice')
})

labTest('a program’s output, code, input and environment pass', async (lab) => {
  const alice = lab.machine('alice')
  const script = 'read line; echo "$line $EXTRA"; echo trouble >&2; exit 3'
  const outcome = await alice.runWith({ input: 'hello\n', env: { EXTRA: 'world' } }, 'sh', '-c', script)
  assert.deepEqual(outcome, { stdout: 'hello world\n', stderr: 'trouble\n', code: 3, signal: null })
  await assert.rejects(alice.ok('sh', '-c', 'echo no >&2; exit 1'), /alice: sh -c .* ended with 1: no/)
})

labTest('a program in the background tells its lines, and ends when it is told', async (lab) => {
  const alice = lab.machine('alice')
  const cat = alice.spawn('cat')
  cat.write('first\nsecond 2\n')
  assert.equal((await cat.line(/second (\d)/))[1], '2')
  assert.deepEqual(await cat.stop(), { code: null, signal: 'SIGTERM' })
  await assert.rejects(cat.line(/third/), /ended without a line like .third.*it said:\nfirst/s)
})

labTest('a machine that is killed has no process left, not even a detached one', async (lab) => {
  const alice = lab.machine('alice')
  await alice.ok('sh', '-c', 'setsid sleep 1000 >/dev/null 2>&1 &')
  await until('the sleeper runs', () => alice.processes.length === 1)
  alice.kill()
  assert.deepEqual(alice.processes, [])
})

labTest('a capture at the switch holds what crosses it in the clear', async (lab) => {
  const [alice, bob] = pair(lab)
  const capture = await lab.switches[0]?.capture(alice)
  assert.ok(capture)
  await alice.ok('ping', '-c', '1', '-p', '77656674', '-s', '64', bob.address)
  const recorded = Buffer.from(await capture.stop())
  assert.ok(recorded.includes(Buffer.from('weftweftweftweft')))
  assert.equal(recorded.includes(Buffer.from('woofwoof')), false)
})

labTest('a switch carries only the family it was made with', async (lab) => {
  const six = lab.switch('six', { v6: '2001:db8:6::/64' })
  const alice = lab.machine('alice', { on: six })
  const bob = lab.machine('bob', { on: six })
  assert.equal(alice.address, '2001:db8:6::1')
  await alice.ok('ping', '-c', '1', '-W', '5', bob.address)
  assert.equal((await alice.ok('ip', '-4', 'address', 'show', 'dev', 'eth0')).trim(), '')
})

describe('after its end', { skip: skipReason() }, () => {
  it('nothing of a lab is left', async () => {
    using lab = await Lab.create()
    const [alice] = pair(lab)
    alice.spawn('sleep', '1000')
    const { directory } = alice
    lab[Symbol.dispose]()
    assert.deepEqual(leftOf(process.pid), [])
    assert.equal(existsSync(directory), false)
    await until('the processes are gone', () => alice.processes.length === 0)
  })

  for (const [how, end] of [
    ['an uncaught error', 'throw new Error("uncaught")'],
    ['SIGINT, twice', 'process.kill(process.pid, "SIGINT"); process.kill(process.pid, "SIGINT")'],
    ['SIGTERM', 'process.kill(process.pid, "SIGTERM")'],
    ['process.exit', 'process.exit(1)'],
  ] as const) {
    it(`by ${how}, neither`, async () => {
      assert.deepEqual(leftOf(await runLab(end)), [])
    })
  }

  it('by SIGKILL, the next lab takes down what is left', async () => {
    const pid = await runLab('process.kill(process.pid, "SIGKILL")')
    assert.equal(leftOf(pid).length, 4)
    using _next = await Lab.create()
    assert.deepEqual(leftOf(pid), [])
    assert.equal(spawnSync('pgrep', ['-f', sleeper(pid)]).status, 1)
  })
})

describe('waiting', () => {
  it('gives what came true', async () => {
    let asked = 0
    assert.equal(await until('asked thrice', () => (++asked === 3 ? asked : undefined)), 3)
  })

  it('tells what did not come true, and what was seen last', async () => {
    await assert.rejects(
      until('the answer', () => false, { timeout: 30 }),
      /did not come true in 0.03 s: the answer; last seen: false/,
    )
    const failing = () => assert.equal(1, 2, 'one is not two')
    await assert.rejects(until('equality', failing, { timeout: 30 }), /equality; last seen: one is not two/)
  })
})

it('names that would not fit an interface are refused', { skip: skipReason() }, async () => {
  using lab = await Lab.create()
  for (const name of ['', 'a-name-of-16-byte', 'Ünï', '../x', '1a']) assert.throws(() => lab.machine(name), LabError)
})

function pair(lab: Lab) {
  lab.switch('lan', { v4: '192.0.2.0/24', v6: '2001:db8:1::/64' })
  return [lab.machine('alice'), lab.machine('bob')] as const
}

/** Runs a program that makes a lab with a sleeping process and then does `end`; its process id. */
async function runLab(end: string): Promise<number> {
  const script = `
    const { Lab, until } = await import(${JSON.stringify(LAB_MODULE)})
    const lab = await Lab.create()
    lab.switch('lan', { v4: '192.0.2.0/24' })
    const alice = lab.machine('alice')
    alice.spawn('sh', '-c', 'exec sleep 10' + process.pid)
    await until('it sleeps', () => alice.processes.length > 0)
    ${end}
    await new Promise((resolve) => setTimeout(resolve, 10_000))`
  const program = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' })
  await once(program, 'exit')
  assert.ok(program.pid)
  return program.pid
}

const sleeper = (pid: number) => `^sleep 10${pid}$`

function leftOf(pid: number): readonly string[] {
  return ['/run/netns', '/etc/netns', '/tmp']
    .filter((path) => existsSync(path))
    .flatMap((path) => readdirSync(path).map((name) => `${path}/${name}`))
    .filter((path) => new RegExp(`/weft-(lab-)?${pid}-`).test(path))
}
