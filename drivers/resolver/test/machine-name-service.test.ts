import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { IpAddress, Logger, Prefix } from '@weft/base'
import type { NameServiceState } from '@weft/dns'
import { ManualClock } from '@weft/testing'
import { MachineNameService, type RunCommand, recoverNameService } from '../src/index.ts'

const NAMESERVERS = ['100.99.0.53' as IpAddress, 'fd00::53' as IpAddress]
const wanted = {
  interfaceName: 'weft0',
  addresses: ['100.99.0.2/32', 'fd00::2/128'] as Prefix[],
  nameservers: NAMESERVERS,
  searchDomain: 'weft',
  reverseDomains: ['99.100.in-addr.arpa'],
}
const BEFORE = 'nameserver 192.0.2.1\nsearch example.org\n'
const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/** A state directory, a resolv.conf, and tools that note what they are asked and answer as recorded. */
class Machine implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'weft-resolver-'))
  readonly resolvConf = join(this.directory, 'resolv.conf')
  readonly asked: string[] = []
  readonly inputs: string[] = []
  readonly told: NameServiceState[] = []
  /** By how a command begins. */
  readonly answers: Record<string, string>

  constructor(text: string, answers: Readonly<Record<string, string>> = {}) {
    this.answers = { ...answers }
    writeFileSync(this.resolvConf, text)
  }

  get text(): string {
    return readFileSync(this.resolvConf, 'utf8')
  }

  get options() {
    const run: RunCommand = async (command, input) => {
      const line = command.join(' ')
      this.asked.push(line)
      if (input !== undefined) this.inputs.push(input)
      const answer = Object.entries(this.answers).find(([start]) => line.startsWith(start))
      return answer === undefined
        ? { code: undefined, stdout: '', stderr: 'not found' }
        : { code: 0, stdout: answer[1], stderr: '' }
    }
    const clock = new ManualClock()
    return { stateDirectory: this.directory, resolvConf: this.resolvConf, run, clock: clock.now, logger: quiet }
  }

  service(): MachineNameService {
    return new MachineNameService({ ...this.options, onChange: (state) => this.told.push(state) })
  }

  /** What was asked to change something. */
  get changes(): readonly string[] {
    return this.asked.filter(
      (line) => !/^(resolvectl dns|nmcli -t.*|nmcli -g.*|resolvconf --version|resolvconf -l)$/.test(line),
    )
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true })
  }
}

test('a resolv.conf of nobody is written in place, and put back to the byte', async () => {
  using machine = new Machine(BEFORE)
  const inode = statSync(machine.resolvConf).ino
  const service = machine.service()
  const state = await service.apply(wanted)
  assert.deepEqual(state, { way: 'resolv.conf', upstreams: [{ endpoint: '192.0.2.1:53' }] })
  assert.match(machine.text, /^nameserver 100\.99\.0\.53\nnameserver fd00::53\nsearch weft example\.org$/m)
  assert.equal(statSync(machine.resolvConf).ino, inode)
  await service.apply({ ...wanted, searchDomain: 'mesh' })
  assert.match(machine.text, /^search mesh example\.org$/m)
  await service.remove()
  assert.equal(machine.text, BEFORE)
  await service.remove()
})

test('what a crash left is put back by the next start', async () => {
  using machine = new Machine(BEFORE)
  const crashed = machine.service()
  await crashed.apply(wanted)
  await recoverNameService(machine.options)
  assert.equal(machine.text, BEFORE)
  await crashed.remove()
})

test('what another program wrote after a crash is left as it is', async () => {
  using machine = new Machine(BEFORE)
  const crashed = machine.service()
  await crashed.apply(wanted)
  writeFileSync(machine.resolvConf, 'nameserver 198.51.100.1\n')
  await recoverNameService(machine.options)
  assert.equal(machine.text, 'nameserver 198.51.100.1\n')
  await crashed.remove()
})

test('a damaged file of what was kept aside stops nothing', async () => {
  using machine = new Machine(BEFORE)
  writeFileSync(join(machine.directory, 'name-service.json'), '{"version":1,"way":"resolv.conf"')
  await recoverNameService(machine.options)
  assert.equal(machine.text, BEFORE)
})

test('systemd-resolved is told by link, for names of the mesh alone', async () => {
  const stub = 'nameserver 127.0.0.53\noptions edns0 trust-ad\n'
  using machine = new Machine(stub, { resolvectl: '' })
  const service = machine.service()
  assert.deepEqual(await service.apply(wanted), { way: 'systemd-resolved', upstreams: [] })
  await service.remove()
  assert.deepEqual(machine.changes, [
    'resolvectl dns weft0 100.99.0.53 fd00::53',
    'resolvectl domain weft0 weft ~99.100.in-addr.arpa',
    'resolvectl default-route weft0 no',
    'resolvectl dnssec weft0 no',
    'resolvectl llmnr weft0 no',
    'resolvectl mdns weft0 no',
    'resolvectl flush-caches',
    'resolvectl revert weft0',
  ])
  assert.equal(machine.text, stub)
})

const BY_NETWORK_MANAGER = '# Generated by NetworkManager\nnameserver 192.0.2.1\n'
const networkManager = {
  'nmcli -t -f RUNNING general': 'running\n',
  'nmcli -g GENERAL.STATE device show weft0': '100 (connected (externally))\n',
  'nmcli -g IP4.DNS,IP6.DNS': '192.0.2.1 | 192.0.2.2\n2001:db8::1\n\n100.99.0.53\n',
  'nmcli -g IP4.DOMAIN,IP4.SEARCHES': 'lan\n\nexample.org | weft\n',
  'nmcli device modify': '',
}

test('NetworkManager is told by device, of the addresses too, and its other devices’ nameservers are the upstreams', async () => {
  using machine = new Machine(BY_NETWORK_MANAGER, networkManager)
  const service = machine.service()
  const { way, upstreams } = await service.apply(wanted)
  assert.equal(way, 'networkmanager')
  assert.deepEqual(
    upstreams.map(({ endpoint }) => endpoint),
    ['192.0.2.1:53', '192.0.2.2:53', '[2001:db8::1]:53'],
  )
  await service.remove()
  assert.deepEqual(machine.changes, [
    'nmcli device modify weft0 ipv4.method manual ipv4.addresses 100.99.0.2/32 ipv4.dns 100.99.0.53 ipv4.dns-search weft lan example.org ipv4.dns-priority -50 ipv6.method manual ipv6.addresses fd00::2/128 ipv6.dns fd00::53 ipv6.dns-search weft lan example.org ipv6.dns-priority -50',
    'nmcli device modify weft0 ipv4.dns  ipv4.dns-search  ipv4.dns-priority 0 ipv6.dns  ipv6.dns-search  ipv6.dns-priority 0',
  ])
})

test('NetworkManager is told nothing of IPv6 where no resolver is asked there', async () => {
  using machine = new Machine(BY_NETWORK_MANAGER, networkManager)
  const service = machine.service()
  await service.apply({ ...wanted, nameservers: NAMESERVERS.slice(0, 1) })
  assert.deepEqual(machine.changes, [
    'nmcli device modify weft0 ipv4.method manual ipv4.addresses 100.99.0.2/32 ipv4.dns 100.99.0.53 ipv4.dns-search weft lan example.org ipv4.dns-priority -50',
  ])
  await service.remove()
})

test('where NetworkManager leaves the interface alone, its file is written to', async () => {
  using machine = new Machine(BY_NETWORK_MANAGER, {
    ...networkManager,
    'nmcli -g GENERAL.STATE device show weft0': '10 (unmanaged)\n',
  })
  const service = machine.service()
  assert.equal((await service.apply(wanted)).way, 'resolv.conf')
  assert.match(machine.text, /^nameserver 100\.99\.0\.53$/m)
  await service.remove()
  assert.equal(machine.text, BY_NETWORK_MANAGER)
})

test('a NetworkManager that takes notice of the interface late is told then', async () => {
  const state = 'nmcli -g GENERAL.STATE device show weft0'
  using machine = new Machine(BY_NETWORK_MANAGER, { ...networkManager, [state]: '20 (unavailable)\n' })
  const service = machine.service()
  assert.equal((await service.apply(wanted)).way, 'resolv.conf')
  machine.answers[state] = '100 (connected (externally))\n'
  while (machine.told.length === 0) await pause(20)
  assert.deepEqual(
    machine.told.map(({ way }) => way),
    ['networkmanager'],
  )
  assert.equal(machine.text, BY_NETWORK_MANAGER)
  await service.remove()
})

test('a tool’s own resolv.conf is not lost to a NetworkManager that writes its once more, later', async () => {
  using machine = new Machine(BY_NETWORK_MANAGER, networkManager)
  const service = machine.service()
  assert.equal((await service.apply(wanted)).way, 'networkmanager')
  const asked = machine.asked.length
  writeFileSync(machine.resolvConf, BEFORE)
  while (!machine.asked.slice(asked).some((line) => line.startsWith('nmcli device modify weft0 ipv4.dns ')))
    await pause(5)
  await pause(100)
  writeFileSync(machine.resolvConf, '# Generated by NetworkManager\nsearch weft\nnameserver fd00::53\n')
  await pause(100)
  writeFileSync(machine.resolvConf, BY_NETWORK_MANAGER)
  while (machine.told.length === 0) await pause(20)
  assert.deepEqual(machine.told, [{ way: 'resolv.conf', upstreams: [{ endpoint: '192.0.2.1:53' }] }])
  assert.match(machine.text, /^search weft example\.org$/m)
  await service.remove()
  assert.equal(machine.text, BEFORE)
})

test('other nameservers of the tool are the upstreams from then on, and its domains are searched', async () => {
  const entry = (nameserver: string, domain: string) =>
    `# resolv.conf from eth0\nsearch ${domain}\nnameserver ${nameserver}\n`
  using machine = new Machine('# Generated by resolvconf\nnameserver 192.0.2.1\n', {
    'resolvconf --version': 'openresolv 3.12.0\n',
    'resolvconf -l': entry('192.0.2.1', 'home'),
    'resolvconf ': '',
  })
  const service = machine.service()
  await service.apply(wanted)
  machine.answers['resolvconf -l'] = entry('198.51.100.1', 'office')
  service.networkChanged()
  while (machine.told.length === 0) await pause(20)
  assert.deepEqual(machine.told, [{ way: 'openresolv', upstreams: [{ endpoint: '198.51.100.1:53' }] }])
  assert.match(machine.inputs.at(-1) ?? '', /^search weft office$/m)
  await service.remove()
})

test('openresolv gets an exclusive entry of the interface', async () => {
  using machine = new Machine('# Generated by resolvconf\nnameserver 192.0.2.1\n', {
    'resolvconf --version': 'openresolv 3.12.0\n',
    'resolvconf -l':
      '# resolv.conf from eth0\nsearch example.org\nnameserver 192.0.2.1\n\n# resolv.conf from weft0\nnameserver 192.0.2.9\n',
    'resolvconf ': '',
  })
  const service = machine.service()
  assert.deepEqual(await service.apply(wanted), { way: 'openresolv', upstreams: [{ endpoint: '192.0.2.1:53' }] })
  assert.match(machine.inputs[0] ?? '', /^search weft example\.org$/m)
  await service.remove()
  assert.deepEqual(machine.changes, ['resolvconf -a weft0 -m 0 -x', 'resolvconf -f -d weft0'])
})

test('a tool that fails leaves the way none, with the tool’s own words', async () => {
  using machine = new Machine('nameserver 127.0.0.53\n', { 'resolvectl dns': '' })
  const service = machine.service()
  const { way, reason } = await service.apply(wanted)
  assert.equal(way, 'none')
  assert.match(reason ?? '', /resolvectl domain failed: not found/)
  await service.remove()
})

test('a tool that failed is asked again', async () => {
  using machine = new Machine('nameserver 127.0.0.53\n', { 'resolvectl dns': '' })
  const service = machine.service()
  assert.equal((await service.apply(wanted)).way, 'none')
  machine.answers.resolvectl = ''
  while (machine.told.length === 0) await pause(20)
  assert.deepEqual(machine.told, [{ way: 'systemd-resolved', upstreams: [] }])
  await service.remove()
})

test('another program that rewrites resolv.conf gives new upstreams, and its text is what is put back', async () => {
  using machine = new Machine(BEFORE)
  const service = machine.service()
  await service.apply(wanted)
  const leased = 'nameserver 198.51.100.1\nsearch lan\n'
  writeFileSync(machine.resolvConf, leased)
  while (machine.told.length === 0) await pause(20)
  assert.deepEqual(machine.told, [{ way: 'resolv.conf', upstreams: [{ endpoint: '198.51.100.1:53' }] }])
  assert.match(machine.text, /^nameserver 100\.99\.0\.53\n(?:.*\n)*search weft lan$/m)
  await service.remove()
  assert.equal(machine.text, leased)
})
