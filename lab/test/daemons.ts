/** Daemons of packages that are unpacked on a machine and not installed: what the installation would have done is done here. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { Machine } from '../src/index.ts'

const SSHD = 64_991

/** How others get in: the first words of a command line, before the name and the command. */
export type SshCommand = readonly [string, ...string[]]

/** OpenSSH's server on a machine that has its package, with keys made for it: whoever has the key is root. */
export async function startSshServer(machine: Machine): Promise<SshCommand> {
  addUser(machine, 'sshd', SSHD)
  unlockRoot(machine)
  for (const folder of ['run/sshd', 'run/ssh']) mkdirSync(machine.path(folder), { mode: 0o755 })
  for (const name of ['host', 'user'])
    await machine.ok('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', `/run/ssh/${name}`)
  const hostKey = readFileSync(machine.path('run/ssh/host.pub'), 'utf8').split(' ').slice(0, 2)
  writeFileSync(machine.path('run/ssh/known'), `* ${hostKey.join(' ')}\n`)
  const settings = [
    ...['HostKey /run/ssh/host', 'AuthorizedKeysFile /run/ssh/user.pub', 'StrictModes no', 'PidFile none'],
    ...['PermitRootLogin prohibit-password', 'PasswordAuthentication no', 'UsePAM no', 'UseDNS no'],
  ]
  writeFileSync(machine.path('run/ssh/config'), `${settings.join('\n')}\n`)
  const server = machine.spawn('/usr/sbin/sshd', '-D', '-e', '-f', '/run/ssh/config')
  await server.line(/Server listening/)
  const options = {
    BatchMode: 'yes',
    ConnectTimeout: '5',
    GlobalKnownHostsFile: 'none',
    IdentitiesOnly: 'yes',
    StrictHostKeyChecking: 'yes',
    UserKnownHostsFile: machine.path('run/ssh/known'),
  }
  const given = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  return ['ssh', '-F', 'none', '-i', machine.path('run/ssh/user'), ...given]
}

export function addUser(machine: Machine, name: string, id: number): void {
  replaceEntry(machine, 'passwd', name, `${name}:x:${id}:${id}::/nonexistent:/usr/sbin/nologin`)
  replaceEntry(machine, 'group', name, `${name}:x:${id}:`)
}

/** Without a password still, but not locked, which no key opens. */
function unlockRoot(machine: Machine): void {
  replaceEntry(machine, 'shadow', 'root', 'root:*:20000:0:99999:7:::')
  chmodSync(machine.path('etc/shadow'), 0o600)
}

function replaceEntry(machine: Machine, file: string, name: string, entry: string): void {
  const path = machine.path(`etc/${file}`)
  const others = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith(`${name}:`))
  writeFileSync(path, `${[entry, ...others].join('\n')}\n`)
}
