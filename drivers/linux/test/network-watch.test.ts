import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { missing } from '@weft/testing/requirements'
import { Namespace } from './namespace.ts'

const skip = missing('root', '/dev/net/tun', 'network namespaces', 'ip')

/** Runs the commands one after the other, each once the change before it was told. */
const TOLD = (...commands: readonly string[]) => `
  const { execFileSync } = await import('node:child_process')
  let told = 0
  let heard = Promise.withResolvers()
  const watch = new linux.NetworkWatch(() => { told++; heard.resolve() })
  for (const command of ${JSON.stringify(commands)}) {
    heard = Promise.withResolvers()
    execFileSync('ip', command.split(' '))
    await heard.promise
  }
  watch[Symbol.dispose]()
  return told`

describe('the network watch', { skip, timeout: 60_000 }, () => {
  let namespace: Namespace
  beforeEach(() => {
    namespace = new Namespace()
  })
  afterEach(() => namespace[Symbol.dispose]())

  it('tells of addresses that come and go', () => {
    namespace.ip('link', 'set', 'weft0', 'up')
    const told = namespace.node(
      TOLD(
        'address add 192.0.2.1/24 dev weft0',
        'address add 2001:db8::1/64 dev weft0 nodad',
        'address del 192.0.2.1/24 dev weft0',
      ),
    )
    assert.ok(Number(told) >= 3)
  })

  it('tells of another default route, and not of any other route', () => {
    namespace.ip('link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth1')
    namespace.ip('link', 'set', 'eth1', 'up')
    namespace.ip('link', 'set', 'eth0', 'up')
    namespace.ip('address', 'add', '192.0.2.1/24', 'dev', 'eth0')
    const told = namespace.node(`
      const { execFile, execFileSync } = await import('node:child_process')
      const { promisify } = await import('node:util')
      const { promise, resolve } = Promise.withResolvers()
      let told = 0
      const watch = new linux.NetworkWatch(() => { told++; resolve() })
      const run = promisify(execFile)
      for (let i = 0; i < 40; i++) await run('ip', ('route add 198.51.100.' + i + '/32 via 192.0.2.2').split(' '))
      const before = told
      execFileSync('ip', 'route add default via 192.0.2.2'.split(' '))
      await promise
      watch[Symbol.dispose]()
      return { before, told }`)
    assert.deepEqual(told, { before: 0, told: 1 })
  })

  it('does not tell of the interface that is left out', () => {
    const told = namespace.node(`
      const { execFile } = await import('node:child_process')
      const { promisify } = await import('node:util')
      const run = promisify(execFile)
      const { promise, resolve } = Promise.withResolvers()
      let told = 0
      const watch = new linux.NetworkWatch(() => { told++; resolve() }, { name: 'weft0', onLoss: () => {} })
      await run('ip', 'link set weft0 up'.split(' '))
      for (let i = 0; i < 40; i++) await run('ip', ('address add 192.0.2.' + i + '/32 dev weft0').split(' '))
      const before = told
      await run('ip', 'address add 192.0.2.99/32 dev lo'.split(' '))
      await promise
      watch[Symbol.dispose]()
      return { before, told }`)
    assert.deepEqual(told, { before: 0, told: 1 })
  })

  it('tells of what its own interface lost, and of nothing that came to it', () => {
    namespace.exec('sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6')
    namespace.ip('link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth1')
    namespace.ip('link', 'set', 'eth1', 'up')
    const told = namespace.node(`
      const { execFileSync } = await import('node:child_process')
      const ip = (line) => execFileSync('ip', line.split(' '))
      let losses = 0
      let lost = Promise.withResolvers()
      const onLoss = () => { losses++; lost.resolve() }
      const watch = new linux.NetworkWatch(() => {}, { name: 'eth0', onLoss })
      ip('link set eth0 up')
      ip('address add 192.0.2.1/32 dev eth0')
      ip('route add 198.51.100.0/24 dev eth0')
      ip('route add 203.0.113.0/24 dev eth0')
      const atFirst = losses
      for (const line of ['route del 198.51.100.0/24', 'address del 192.0.2.1/32 dev eth0']) {
        lost = Promise.withResolvers()
        ip(line)
        await lost.promise
      }
      lost = Promise.withResolvers()
      ip('link set eth0 down')
      ip('link set eth0 up')
      await lost.promise
      watch[Symbol.dispose]()
      return { atFirst, losses }`) as { atFirst: number; losses: number }
    assert.equal(told.atFirst, 0)
    assert.ok(told.losses >= 3)
  })

  it('ends at once when it is closed, and lets the program end', () => {
    const took = namespace.node(`
      const watch = new linux.NetworkWatch(() => {})
      watch[Symbol.dispose]()
      watch[Symbol.dispose]()
      return true`)
    assert.equal(took, true)
  })
})
