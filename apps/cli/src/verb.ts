import { type Command, Option, type OutputConfiguration } from 'commander'
import { parseInterfaceName, parseListen, parsePort } from './arguments.ts'
import { usageLine } from './failure.ts'
import { complain } from './terminal.ts'

/** Other settings, like `exitOverride`, are the parent's. */
export function verb(parent: Command, name: string, description: string): Command {
  const whole = parent.parent === null ? `weft ${name}` : `weft ${parent.name()} ${name}`
  return parent
    .command(name)
    .description(description)
    .helpOption('-h, --help', 'show help')
    .configureOutput(complaints(whole))
}

export function complaints(command: string): OutputConfiguration {
  return { outputError: (text) => complain(usageLine(text, command)) }
}

export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`
}

export const state = (what = 'state directory (default: /var/lib/weft as root, else $XDG_STATE_HOME/weft)'): Option =>
  new Option('--state <dir>', what)
export const coordinatorState = (): Option =>
  new Option('--state <dir>', 'ask the running weft serve of this state directory instead of the agent')
export const socket = (what = 'the agent’s socket'): Option =>
  new Option('--socket <path>', `${what} (default: $WEFT_SOCKET, /run/weft/agent.sock)`)
export const tun = (): Option =>
  new Option('--tun <name>', 'name of the network interface (default: weft0)').argParser(parseInterfaceName)
export const port = (): Option =>
  new Option('--port <n>', 'UDP port of the node (default: 7481, another where that is taken)').argParser(parsePort)
export const noDns = (): Option =>
  new Option('--no-dns', 'leave this machine’s resolver alone; names then work for who asks the mesh’s own')
export const metrics = (): Option =>
  new Option('--metrics <host:port>', 'answer GET /metrics there, for Prometheus').argParser(parseListen)
export const json = (what: string): Option => new Option('--json', `as JSON, ${what}`)
