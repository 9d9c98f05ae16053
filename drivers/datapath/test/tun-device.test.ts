import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { missing } from '@weft/testing/requirements'
import { LaneDatapath } from '../src/index.ts'
import { openTun } from '../src/tun-device.ts'
import { until } from './until.ts'

const skip = missing('root', '/dev/net/tun')

test('a TUN has the name and the MTU that were asked for, and ends with its port', { skip }, () => {
  const tun = openTun('wefttest%d', 1380)
  assert.match(tun.name, /^wefttest\d+$/)
  assert.equal(readFileSync(`/sys/class/net/${tun.name}/mtu`, 'utf8').trim(), '1380')
  tun.port.close()
  assert.equal(existsSync(`/sys/class/net/${tun.name}`), false)
})

test('a TUN in use is refused with one line that says so', { skip }, () => {
  const tun = openTun('wefttest%d', 1420)
  const before = readdirSync('/proc/self/fd').length
  assert.throws(() => openTun(tun.name, 1420), {
    name: 'LaneError',
    code: 'tun-busy',
    message: `cannot open ${tun.name}: it is in use by another program: choose another name`,
  })
  assert.equal(readdirSync('/proc/self/fd').length, before)
  tun.port.close()
})

test('a name that belongs to an interface of another kind is refused', { skip }, () => {
  assert.throws(() => openTun('lo', 1420), { name: 'LaneError', code: 'tun-name-refused' })
})

test('a user without the right to make a TUN is told what is missing', { skip }, () => {
  const program = `
    import { openTun } from ${JSON.stringify(new URL('../src/tun-device.ts', import.meta.url).href)}
    process.setuid(65534)
    try { openTun('wefttest%d', 1420) } catch (error) { console.log(error.code + ' ' + error.message) }`
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
  assert.equal(stdout, 'tun-not-permitted cannot open wefttest%d: not permitted: run as root or give CAP_NET_ADMIN\n')
})

test('a TUN that is taken away is told, once, and the lane ends', { skip }, async () => {
  const reasons: string[] = []
  const datapath = await LaneDatapath.open({
    port: { kind: 'tun', name: 'wefttest%d', mtu: 1420 },
    onReport: (report) => reasons.push(report.kind === 'failed' ? report.reason : report.kind),
  })
  execFileSync('ip', ['link', 'del', datapath.portName])
  await until('the end to be told', () => reasons[0])
  await datapath.close()
  assert.equal(reasons.length, 1)
  assert.match(reasons[0] ?? '', /^the packet port is gone: /)
})

test('a lane whose TUN is in use does not open', { skip }, async () => {
  const tun = openTun('wefttest%d', 1420)
  await assert.rejects(
    LaneDatapath.open({ port: { kind: 'tun', name: tun.name, mtu: 1420 }, onReport: () => undefined }),
    { name: 'LaneError', code: 'tun-busy' },
  )
  tun.port.close()
})

for (const name of ['', 'sixteen-letters-', 'with space', 'a/b', '..'])
  test(`"${name}" is refused as a name`, () => {
    assert.throws(() => openTun(name, 1420), { name: 'LaneError', code: 'tun-name-refused' })
  })
