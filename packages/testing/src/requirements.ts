/**
 * What tests need of the machine, in one list. A test names what it needs and is skipped, with the reason, where that is missing. Where
 * `CI=true` that is an error instead, for there the set-up is to be complete; but not for what is `optional`: no set-up gives it to a machine.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { dirname, join } from 'node:path'

interface Requirement {
  readonly isThere: () => boolean
  readonly remedy: string
  readonly optional?: true
}

const byPackages = 'run npm test as root on Debian, or install scripts/system-packages.txt'

/** Where the packages lie that would take over the machine they are installed on: each in a folder of its own, by its name. */
const UNPACKED = join(import.meta.dirname, '../../../.tool-cache/packages')

const requirements = {
  root: { isThere: () => process.getuid?.() === 0, remedy: 'run npm test as root' },
  '/dev/net/tun': { isThere: () => canOpen('/dev/net/tun'), remedy: 'load the tun module: modprobe tun' },
  'network namespaces': { isThere: canMakeNamespaces, remedy: 'run npm test as root, where namespaces are allowed' },
  ip: tool(),
  nft: tool(),
  ping: tool(),
  curl: tool(),
  dig: tool(),
  getent: tool(),
  nsd: tool(),
  ssh: tool(),
  'ssh-keygen': tool(),
  openssl: tool(),
  'dbus-daemon': tool(),
  tcpdump: tool(),
  iperf3: tool(),
  unshare: tool(),
  setpriv: tool(),
  hostname: tool(),
  mount: tool(),
  strace: tool(),
  ethtool: tool(),
  wg: tool(),
  bash: tool(),
  zsh: tool(),
  fish: tool(),
  openresolv: unpacked(),
  'openssh-server': unpacked(),
  'systemd-resolved': unpacked(),
  'network-manager': unpacked(),
  script: tool(),
  man: tool(),
  mandoc: tool(),
  // Where the checkout lies is the user's choice.
  'a checkout that others may enter': {
    isThere: () => isOpenToOthers(import.meta.dirname),
    remedy: 'clone to a folder that other users may enter',
    optional: true,
  },
  // A machine without a network has only loopback.
  'an address besides loopback': { isThere: hasOwnAddress, remedy: 'connect the machine to a network', optional: true },
} satisfies Readonly<Record<string, Requirement | ((name: string) => Requirement)>>

export type RequirementName = keyof typeof requirements

/** Where the files of a package lie that is unpacked and not installed. */
export const unpackedPackage = (name: string): string => join(UNPACKED, name)

/**
 * Why a test that needs all of these cannot run on this machine, or `false`: for the option `skip`.
 * @throws {Error} instead, where `CI=true` and set-up is missing.
 */
export function missing(...names: readonly RequirementName[]): string | false {
  const lacking = names.map((name) => ({ name, ...requirementOf(name) })).filter(({ isThere }) => !isThere())
  const [first] = lacking
  if (first === undefined) return false
  const reason = `needs ${lacking.map(({ name }) => name).join(', ')}: ${first.remedy}`
  if (process.env.CI === 'true' && lacking.some(({ optional }) => optional !== true)) throw new Error(reason)
  return reason
}

function requirementOf(name: RequirementName): Requirement {
  const requirement: Requirement | ((name: string) => Requirement) = requirements[name]
  return typeof requirement === 'function' ? requirement(name) : requirement
}

function tool(): (name: string) => Requirement {
  return (name) => ({
    isThere: () => spawnSync('sh', ['-c', `command -v ${name}`]).status === 0,
    remedy: byPackages,
  })
}

function unpacked(): (name: string) => Requirement {
  return (name) => ({ isThere: () => existsSync(unpackedPackage(name)), remedy: byPackages })
}

function canOpen(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK)
    return true
  } catch {
    return false
  }
}

function canMakeNamespaces(): boolean {
  const name = `weft-${process.pid}-0-try`
  const added = spawnSync('ip', ['netns', 'add', name]).status === 0
  if (added) spawnSync('ip', ['netns', 'delete', name])
  return added
}

function isOpenToOthers(path: string): boolean {
  return path === '/' || ((statSync(path).mode & 0o005) === 0o005 && isOpenToOthers(dirname(path)))
}

function hasOwnAddress(): boolean {
  return Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ internal }) => !internal))
}
