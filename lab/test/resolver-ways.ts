/** Machines whose resolver is set up as people have it: by the programs themselves, each on a machine of its own. */
import { chmodSync, chownSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { type Lab, type Machine, until } from '../src/index.ts'
import { addUser } from './daemons.ts'

/** One machine, and how its resolver is set up. */
export interface ResolverWay {
  readonly machine: Machine
  /** As `weft status --json` calls the way that fits. */
  readonly way: string
  /** All that the machine's resolver was told, weft's part included. */
  state(): Promise<string>
  /** Another nameserver is to be asked from now on, as a lease tells it to whatever manages the resolver. */
  lease(nameserver: string): Promise<void>
}

/** Makes a machine that asks the nameserver. */
export type MakeResolverWay = (lab: Lab, nameserver: string) => Promise<ResolverWay>

const ETH0 = 'eth0'
const SYSTEMD_RESOLVE = 64_990

const leased = (nameserver: string): string => `nameserver ${nameserver}\nsearch lan\n`

/** Nobody manages the file; dhclient's script replaces it. */
const plain: MakeResolverWay = async (lab, nameserver) => {
  // For an /etc of its own, where the file can be renamed over.
  const machine = lab.machine('plain', { packages: ['openssh-server'] })
  const lease = async (next: string) => {
    writeFileSync(machine.path('etc/resolv.conf.dhclient-new'), leased(next))
    await machine.ok('mv', '/etc/resolv.conf.dhclient-new', '/etc/resolv.conf')
  }
  await lease(nameserver)
  return { machine, way: 'resolv.conf', state: () => machine.ok('cat', '/etc/resolv.conf'), lease }
}

const openresolv: MakeResolverWay = async (lab, nameserver) => {
  const machine = lab.machine('openresolv', { packages: ['openresolv'] })
  const lease = async (next: string) => {
    const told = await machine.runWith({ input: leased(next) }, 'resolvconf', '-a', `${ETH0}.dhcp`)
    if (told.code !== 0) throw new Error(`resolvconf: ${told.stderr}`)
  }
  await lease(nameserver)
  const state = async () => (await machine.ok('cat', '/etc/resolv.conf')) + (await machine.ok('resolvconf', '-l'))
  return { machine, way: 'openresolv', state, lease }
}

const resolved: MakeResolverWay = async (lab, nameserver) => {
  const machine = lab.machine('resolved', { packages: ['systemd-resolved'] })
  await startBus(machine)
  await startResolved(machine)
  const lease = async (next: string) => {
    await machine.ok('resolvectl', 'dns', ETH0, next)
    await machine.ok('resolvectl', 'domain', ETH0, 'lan', '~.')
  }
  await lease(nameserver)
  return { machine, way: 'systemd-resolved', state: () => toldToResolved(machine), lease }
}

const networkManager: MakeResolverWay = async (lab, nameserver) => {
  const machine = lab.machine('nm', { packages: ['network-manager'] })
  await startBus(machine)
  await startNetworkManager(machine, nameserver)
  const state = () => machine.ok('cat', '/etc/resolv.conf')
  return { machine, way: 'networkmanager', state, lease: (next) => leaseByNetworkManager(machine, next) }
}

/** As most desktops have it. */
const networkManagerAndResolved: MakeResolverWay = async (lab, nameserver) => {
  const machine = lab.machine('nm-resolved', { packages: ['network-manager', 'systemd-resolved'] })
  await startBus(machine)
  await startResolved(machine)
  await startNetworkManager(machine, nameserver)
  const lease = (next: string) => leaseByNetworkManager(machine, next)
  return { machine, way: 'systemd-resolved', state: () => toldToResolved(machine), lease }
}

export const RESOLVER_WAYS: Readonly<Record<string, MakeResolverWay>> = {
  'a plain resolv.conf': plain,
  openresolv,
  'systemd-resolved': resolved,
  NetworkManager: networkManager,
  'NetworkManager before systemd-resolved': networkManagerAndResolved,
}

/** It lists links also that it was told nothing of. */
async function toldToResolved(machine: Machine): Promise<string> {
  const listed = (await machine.ok('resolvectl', 'dns')) + (await machine.ok('resolvectl', 'domain'))
  return listed
    .split('\n')
    .filter((line) => !/:\s*$/.test(line))
    .join('\n')
}

async function startResolved(machine: Machine): Promise<void> {
  addUser(machine, 'systemd-resolve', SYSTEMD_RESOLVE)
  const folder = machine.path('run/systemd/resolve')
  mkdirSync(folder, { recursive: true })
  chownSync(folder, SYSTEMD_RESOLVE, SYSTEMD_RESOLVE)
  // Neighbours are asked for seconds before a name without a dot is denied.
  mkdirSync(machine.path('etc/systemd/resolved.conf.d'), { recursive: true })
  writeFileSync(machine.path('etc/systemd/resolved.conf.d/lab.conf'), '[Resolve]\nLLMNR=no\nMulticastDNS=no\n')
  rmSync(machine.path('etc/resolv.conf'))
  symlinkSync('/run/systemd/resolve/stub-resolv.conf', machine.path('etc/resolv.conf'))
  machine.spawn('/usr/lib/systemd/systemd-resolved')
  await until('systemd-resolved answers', async () => (await machine.run('resolvectl', 'dns')).code === 0)
}

async function startNetworkManager(machine: Machine, nameserver: string): Promise<void> {
  mkdirSync(machine.path('var/lib/NetworkManager'))
  writeFileSync(
    machine.path('etc/NetworkManager/NetworkManager.conf'),
    '[main]\nplugins=keyfile\nauth-polkit=root-only\nhostname-mode=none\n',
  )
  const profile = machine.path(`etc/NetworkManager/system-connections/${ETH0}.nmconnection`)
  const settings = [
    ...['[connection]', `id=${ETH0}`, 'type=ethernet', `interface-name=${ETH0}`],
    ...['[ipv4]', 'method=manual', `address1=${machine.address}/24`, `dns=${nameserver};`, 'dns-search=lan;'],
    ...['[ipv6]', 'method=disabled'],
  ]
  writeFileSync(profile, `${settings.join('\n')}\n`)
  chmodSync(profile, 0o600)
  // Where /sys can be written it waits for udev, which is not there.
  machine.spawn('sh', '-ec', 'mount -o remount,bind,ro /sys; exec NetworkManager --debug')
  // It has taken the interface as it found it.
  await until('NetworkManager answers', async () => (await machine.run('nmcli', 'connection', 'up', ETH0)).code === 0)
}

async function leaseByNetworkManager(machine: Machine, nameserver: string): Promise<void> {
  await machine.ok('nmcli', 'connection', 'modify', ETH0, 'ipv4.dns', nameserver)
  await machine.ok('nmcli', 'device', 'reapply', ETH0)
}

/** A system bus of its own, where everybody may say everything. */
async function startBus(machine: Machine): Promise<void> {
  mkdirSync(machine.path('run/dbus'))
  const allowed = ['user', 'own', 'send_type', 'send_destination', 'receive_type'].map((each) => `<allow ${each}="*"/>`)
  writeFileSync(
    machine.path('run/dbus/system.conf'),
    `<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
    <policy context="default">${allowed.join('')}</policy></busconfig>`,
  )
  const bus = machine.spawn('dbus-daemon', '--nofork', '--print-address', '--config-file=/run/dbus/system.conf')
  await bus.line(/system_bus_socket/)
}
