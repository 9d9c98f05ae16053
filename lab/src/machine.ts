import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type RequirementName, unpackedPackage } from '@weft/testing/requirements'
import { Capture } from './capture.ts'
import { LabProcess, type Outcome } from './lab-process.ts'
import { addNamespace, killProcesses, NAMESPACE_FILES, processesIn, removeNamespace } from './remains.ts'
import type { Switch } from './switch.ts'
import { system } from './system-command.ts'

const REPOSITORY = resolve(import.meta.dirname, '../..')
const LAUNCHER = join(REPOSITORY, 'weft')
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const SHELL = ['bash', '--norc', '-i']

/**
 * Each machine has its own /run, /var/lib, home and host name, so that every default of weft is the machine's own. One
 * with packages has them over the host's /usr, and a copy of /etc. The rest of the file system is shared, also this repository,
 * wherever it lies. `exec` keeps the process id, so that a signal reaches the program itself.
 */
const BOOT = `
hostname "$LAB_HOST"
if [ -n "$LAB_USR" ]; then
  mount -t overlay overlay -o "ro,lowerdir=$LAB_USR" /usr
  mount --rbind "$LAB_FILES/etc" /etc
fi
case $LAB_REPOSITORY in /run/* | /var/lib/*)
  mkdir -p "$LAB_FILES$LAB_REPOSITORY"
  mount --bind "$LAB_REPOSITORY" "$LAB_FILES$LAB_REPOSITORY"
esac
mount --rbind "$LAB_FILES/run" /run
mount --rbind "$LAB_FILES/var/lib" /var/lib
unset LAB_HOST LAB_FILES LAB_REPOSITORY LAB_USR
exec "$@"`

const NO_RESOLVER = '# a machine of the lab\n'

export interface MachineOptions {
  readonly name: string
  readonly namespace: string
  readonly directory: string
  readonly attachTo?: Switch
  /** Unpacked, not installed: `unpackedPackage`. */
  readonly packages?: readonly RequirementName[]
}

export interface RunOptions {
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
  /** Killed after so many ms; a minute unless told. */
  readonly timeout?: number
}

/** A machine: a network namespace with its own interfaces, processes, host name and state. */
export class Machine {
  readonly name: string
  readonly namespace: string
  readonly directory: string
  readonly v4: string | undefined
  readonly v6: string | undefined
  readonly #packages: readonly RequirementName[]
  #processes = 0

  private constructor(
    { name, namespace, directory, packages = [] }: MachineOptions,
    port: { v4?: string; v6?: string },
  ) {
    this.name = name
    this.namespace = namespace
    this.directory = directory
    this.#packages = packages
    this.v4 = port.v4 === undefined ? undefined : bare(port.v4)
    this.v6 = port.v6 === undefined ? undefined : bare(port.v6)
  }

  /** A machine with the interface `eth0` in the switch, or with none. */
  static create(options: MachineOptions): Machine {
    const { name, namespace, directory, attachTo, packages = [] } = options
    addNamespace(namespace)
    for (const path of ['run', 'var/lib', 'home', 'log'])
      mkdirSync(join(directory, path), { recursive: true, mode: 0o755 })
    mkdirSync(join(NAMESPACE_FILES, namespace), { recursive: true })
    // Mounted over the host's, which a resolver of weft would otherwise write to.
    writeFileSync(join(NAMESPACE_FILES, namespace, 'resolv.conf'), NO_RESOLVER)
    if (packages.length > 0) copyEtc(join(directory, 'etc'), packages)
    return new Machine(options, attachTo?.attach(name, namespace) ?? {})
  }

  /** A second cable: `port` in that switch; the addresses that it got. */
  attachTo(other: Switch, port: string): { readonly v4?: string; readonly v6?: string } {
    const { v4, v6 } = other.attach(this.name, this.namespace, port)
    return { ...(v4 === undefined ? {} : { v4: bare(v4) }), ...(v6 === undefined ? {} : { v6: bare(v6) }) }
  }

  /** The underlay address, IPv4 where the switch has it. */
  get address(): string {
    const address = this.v4 ?? this.v6
    if (address === undefined) throw new Error(`${this.name} is attached to no switch`)
    return address
  }

  /** Where a file of the machine lies for the test: of `/run` or `/var/lib`, and of `/etc` where it has packages. */
  path(inside: string): string {
    return join(this.directory, inside)
  }

  /** Its `/etc/resolv.conf`, written in place. */
  writeResolvConf(text: string): void {
    const etc = this.#packages.length > 0 ? this.path('etc') : join(NAMESPACE_FILES, this.namespace)
    writeFileSync(join(etc, 'resolv.conf'), text)
  }

  /** Runs to its end. */
  async run(command: string, ...args: readonly string[]): Promise<Outcome> {
    return this.runWith({}, command, ...args)
  }

  async runWith(options: RunOptions, command: string, ...args: readonly string[]): Promise<Outcome> {
    const child = this.#start([command, ...args], options.env)
    const { timeout = 60_000 } = options
    const timer = setTimeout(() => child.kill('SIGKILL'), timeout)
    child.stdin?.on('error', () => {})
    child.stdin?.end(options.input ?? '')
    const exit = new Promise<readonly [number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code, signal) => resolve([code, signal]))
    })
    const [stdout, stderr, [code, signal]] = await Promise.all([read(child.stdout), read(child.stderr), exit])
    clearTimeout(timer)
    return { stdout, stderr, code, signal }
  }

  /** Runs to its end, which must be a good one; gives its stdout. */
  async ok(command: string, ...args: readonly string[]): Promise<string> {
    const { code, signal, stdout, stderr } = await this.run(command, ...args)
    if (code !== 0)
      throw new Error(`${this.name}: ${command} ${args.join(' ')} ended with ${code ?? signal}: ${stderr || stdout}`)
    return stdout
  }

  spawn(command: string, ...args: readonly string[]): LabProcess {
    return this.spawnWith({}, command, ...args)
  }

  spawnWith(env: Readonly<Record<string, string>>, command: string, ...args: readonly string[]): LabProcess {
    const log = join(this.directory, 'log', `${++this.#processes}-${command.split('/').at(-1)}.log`)
    return new LabProcess(this.#start([command, ...args], env), log)
  }

  /** The repository's own `weft`, with the machine's state and socket at their defaults. */
  weft(...args: readonly string[]): Promise<Outcome> {
    return this.run(LAUNCHER, ...args)
  }

  weftWith(options: RunOptions, ...args: readonly string[]): Promise<Outcome> {
    return this.runWith(options, LAUNCHER, ...args)
  }

  /** A `weft` verb that must succeed; with `--json`, parsed. */
  async weftOk(...args: readonly string[]): Promise<string> {
    return this.ok(LAUNCHER, ...args)
  }

  spawnWeft(...args: readonly string[]): LabProcess {
    return this.spawn(LAUNCHER, ...args)
  }

  spawnWeftWith(env: Readonly<Record<string, string>>, ...args: readonly string[]): LabProcess {
    return this.spawnWith(env, LAUNCHER, ...args)
  }

  /** A cable of its own to another machine: `port` here, `otherPort` there. */
  connectTo(other: Machine, port: string, otherPort: string): void {
    system(
      ...(['ip', 'link', 'add', port, 'netns', this.namespace] as const),
      ...(['type', 'veth', 'peer', 'name', otherPort, 'netns', other.namespace] as const),
    )
  }

  /** Writes a script that shows the greeting and opens a shell on the machine, with `weft` in its PATH; its path. */
  writeShellScript(greeting: string): string {
    const path = join(this.directory, 'shell')
    const env = { ...this.#env(), PATH: `${REPOSITORY}:${PATH}`, PS1: `${this.name}# ` }
    const words = [...Object.entries(env).map(([name, value]) => `${name}=${value}`), ...this.#commandLine(SHELL)]
    const script = `#!/bin/sh\nprintf '%s\\n' ${quoted(greeting)}\nexec env -i TERM="$TERM" ${words.map(quoted).join(' ')}\n`
    writeFileSync(path, script, { mode: 0o755 })
    return path
  }

  get processes(): readonly number[] {
    return processesIn(this.namespace)
  }

  /** As if its plug was pulled: every process on it ends at once. The machine itself stays, and can be used again. */
  kill(): void {
    killProcesses(this.namespace)
  }

  /** Takes the cable out, or puts it in again. */
  setCable(state: 'up' | 'down'): void {
    system('ip', '-n', this.namespace, 'link', 'set', 'eth0', state)
  }

  /** Records what passes the interface. */
  capture(name: string, filter = ''): Promise<Capture> {
    return Capture.start(this.namespace, name, join(this.directory, 'log', `capture-${++this.#processes}.pcap`), filter)
  }

  remove(): void {
    removeNamespace(this.namespace)
  }

  #start(command: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
    const [program = '', ...args] = this.#commandLine(command)
    return spawn(program, args, { env: { ...this.#env(), ...env }, cwd: '/', stdio: 'pipe' })
  }

  #commandLine(command: readonly string[]): readonly string[] {
    return ['ip', 'netns', 'exec', this.namespace, 'unshare', '--uts', 'sh', '-ec', BOOT, 'sh', ...command]
  }

  #env(): Readonly<Record<string, string>> {
    return {
      PATH,
      HOME: join(this.directory, 'home'),
      LANG: 'C.UTF-8',
      LAB_HOST: this.name,
      LAB_FILES: this.directory,
      LAB_REPOSITORY: REPOSITORY,
      LAB_USR:
        this.#packages.length > 0
          ? [...this.#packages.map((name) => join(unpackedPackage(name), 'usr')), '/usr'].join(':')
          : '',
    }
  }
}

/** The host's, with the packages' own, and without what the host asks for names. */
function copyEtc(to: string, packages: readonly RequirementName[]): void {
  mkdirSync(to)
  for (const from of ['/etc', ...packages.map((name) => join(unpackedPackage(name), 'etc'))])
    if (existsSync(from)) system('cp', '-a', `${from}/.`, to)
  rmSync(join(to, 'resolv.conf'), { force: true })
  writeFileSync(join(to, 'resolv.conf'), NO_RESOLVER)
}

/** Without its length. */
const bare = (address: string): string => address.replace(/\/\d+$/, '')

async function read(stream: NodeJS.ReadableStream | null): Promise<string> {
  if (stream === null) return ''
  let text = ''
  for await (const chunk of stream.setEncoding('utf8')) text += chunk
  return text
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`
}
