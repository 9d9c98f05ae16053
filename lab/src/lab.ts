import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Machine, type MachineOptions } from './machine.ts'
import { directoryOf, namespaceName, remove, sweepDeadLabs } from './remains.ts'
import { Switch, type SwitchNetwork } from './switch.ts'
import { LabError } from './system-command.ts'

/** Of a name, which becomes an interface's (at most 15 bytes) and a host's. */
const NAME = /^[a-z][a-z0-9-]{0,14}$/
const REPORTED_LINES = 40

let labs = 0
const living = new Set<Lab>()

/**
 * Machines and switches in network namespaces, as root. The host's own network is not touched. Everything is taken down
 * at the end of `using`, when the program ends in whatever way it can notice, and else by the next lab.
 */
export class Lab implements Disposable {
  readonly #number = ++labs
  readonly #directory = directoryOf(process.pid, this.#number)
  readonly #machines: Machine[] = []
  readonly #switches: Switch[] = []

  static async create(): Promise<Lab> {
    takeDownAtExit()
    sweepDeadLabs()
    const lab = new Lab()
    mkdirSync(lab.#directory, { recursive: true, mode: 0o755 })
    living.add(lab)
    return lab
  }

  switch(name: string, network: SwitchNetwork): Switch {
    const made = Switch.create({ name, network, ...this.#place(name) })
    this.#switches.push(made)
    return made
  }

  /** A machine on the switch given, else on the only one there is. */
  machine(
    name: string,
    options: { readonly on?: Switch; readonly packages?: MachineOptions['packages'] } = {},
  ): Machine {
    const attachTo = options.on ?? (this.#switches.length === 1 ? this.#switches[0] : undefined)
    if (attachTo === undefined && this.#switches.length > 1) throw new LabError(`on which switch is ${name}?`)
    const { packages = [] } = options
    const made = Machine.create({
      name,
      ...this.#place(name),
      packages,
      ...(attachTo === undefined ? {} : { attachTo }),
    })
    this.#machines.push(made)
    return made
  }

  get switches(): readonly Switch[] {
    return this.#switches
  }

  get machines(): readonly Machine[] {
    return this.#machines
  }

  /** The last lines of everything that ran on the machines, for the message of a test that failed. */
  report(): string {
    return this.#machines
      .flatMap(({ name, directory }) => [
        ...reportOf(name, join(directory, 'log')),
        ...reportOf(name, join(directory, 'var/lib/weft')),
      ])
      .join('\n')
  }

  [Symbol.dispose](): void {
    living.delete(this)
    for (const machine of this.#machines) machine.remove()
    for (const each of this.#switches) each.remove()
    remove(this.#directory)
  }

  #place(name: string): { readonly namespace: string; readonly directory: string } {
    if (!NAME.test(name)) throw new LabError(`not a name for the lab: ${name}`)
    return { namespace: namespaceName(process.pid, this.#number, name), directory: join(this.#directory, name) }
  }
}

let watching = false

function takeDownAtExit(): void {
  if (watching) return
  watching = true
  const takeDown = () => {
    for (const lab of living) lab[Symbol.dispose]()
  }
  // Also after an uncaught error.
  process.once('exit', takeDown)
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
    ['SIGHUP', 1],
  ] as const) {
    process.once(signal, () => {
      takeDown()
      process.exit(128 + number)
    })
  }
}

function reportOf(machine: string, directory: string): readonly string[] {
  return logsIn(directory).flatMap((name) => {
    const text = readFileSync(join(directory, name), 'utf8')
    // A QR code helps nobody here.
    const lines = text.split('\n').filter((line) => line.trim() !== '' && !/[▀▄█]/.test(line))
    return lines.length === 0 ? [] : [`--- ${machine}: ${name}`, ...lines.slice(-REPORTED_LINES)]
  })
}

function logsIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory).filter((name) => name.endsWith('.log'))
  } catch {
    return []
  }
}
