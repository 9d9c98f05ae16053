import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import type { Endpoint, Prefix } from '@weft/base'
import { missing } from '@weft/testing/requirements'
import type { TunProgram } from './tun-program.ts'

/*
 *   namespace a                                  namespace b
 *   weft-a 100.64.0.1, fd00::1                   weft-b 100.64.0.2, fd00::2
 *   wire   10.99.0.1, fd99::1  ────── veth ──────  10.99.0.2, fd99::2
 */
const skip = missing('root', '/dev/net/tun', 'network namespaces', 'ip', 'ping')
const A = `weft-lane-a-${process.pid}`
const B = `weft-lane-b-${process.pid}`
const PORT = 7481

for (const family of [4, 6] as const)
  test(`two namespaces ping each other through two lanes by IPv${family}`, { skip }, async (t) => {
    layWire(t)
    const wire = (host: number) => (family === 4 ? `10.99.0.${host}:${PORT}` : `[fd99::${host}]:${PORT}`) as Endpoint
    await Promise.all([
      startLane(t, B, { tun: 'weft-b', role: 'responder', family, port: PORT, remote: wire(1), prefixes: host(1) }),
      startLane(t, A, { tun: 'weft-a', role: 'initiator', family, port: PORT, remote: wire(2), prefixes: host(2) }),
    ])
    for (const [namespace, tun, number] of [
      [A, 'weft-a', 1],
      [B, 'weft-b', 2],
    ] as const) {
      ip('-n', namespace, 'addr', 'add', `100.64.0.${number}/24`, 'dev', tun)
      ip('-n', namespace, 'addr', 'add', `fd00::${number}/64`, 'dev', tun, 'nodad')
      ip('-n', namespace, 'link', 'set', tun, 'up')
    }
    for (const address of ['100.64.0.2', 'fd00::2']) {
      // The largest that fits in 1,420 bytes; the initiator's first packet also confirms the session.
      const size = address.includes(':') ? 1372 : 1392
      const ping = ['ping', '-c', '3', '-i', '0.05', '-W', '5', '-M', 'do', '-s', String(size), address]
      assert.match(inNamespace(A, ...ping), / 3 received, 0% packet loss/)
    }
  })

const host = (number: number) => [`100.64.0.${number}/32`, `fd00::${number}/128`] as Prefix[]

function layWire(t: TestContext): void {
  t.after(() => {
    for (const namespace of [A, B]) spawnSync('ip', ['netns', 'del', namespace])
  })
  for (const namespace of [A, B]) ip('netns', 'add', namespace)
  ip('link', 'add', 'wire', 'netns', A, 'type', 'veth', 'peer', 'name', 'wire', 'netns', B)
  for (const [namespace, number] of [
    [A, 1],
    [B, 2],
  ] as const) {
    ip('-n', namespace, 'addr', 'add', `10.99.0.${number}/24`, 'dev', 'wire')
    ip('-n', namespace, 'addr', 'add', `fd99::${number}/64`, 'dev', 'wire', 'nodad')
    ip('-n', namespace, 'link', 'set', 'wire', 'up')
    ip('-n', namespace, 'link', 'set', 'lo', 'up')
  }
}

async function startLane(t: TestContext, namespace: string, program: TunProgram): Promise<void> {
  const path = new URL('./tun-program.ts', import.meta.url).pathname
  const child = spawn('ip', ['netns', 'exec', namespace, process.execPath, path, JSON.stringify(program)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.after(() => endOf(child))
  const [line] = (await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])) as [unknown]
  assert.equal(String(line), 'ready\n')
}

async function endOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.stdin?.end()
  await once(child, 'exit')
}

function inNamespace(namespace: string, ...command: readonly string[]): string {
  const { stdout, stderr } = spawnSync('ip', ['netns', 'exec', namespace, ...command], { encoding: 'utf8' })
  return stdout + stderr
}

function ip(...words: readonly string[]): void {
  execFileSync('ip', words)
}
