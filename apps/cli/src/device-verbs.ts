import { type Command, Option } from 'commander'
import { parseCount, parseInterval } from './arguments.ts'
import { examples, json, noDns, port, socket, state, tun, verb } from './verb.ts'

export function addUp(program: Command): void {
  verb(program, 'up', 'Join a mesh with a link, or reconnect')
    .argument('[link]', 'the join link; - reads it from standard input')
    .addOption(socket())
    .addOption(state('state of the agent, where one is started'))
    .addOption(tun())
    .addOption(port())
    .addOption(noDns())
    .addOption(json('one line: self'))
    .addHelpText(
      'after',
      examples('sudo weft up weft://…', 'ssh desktop weft link create | sudo weft up -', 'sudo weft up'),
    )
    .action(async (link, options) => (await import('./verbs/up.ts')).up(link, options))
}

export function addDown(program: Command): void {
  verb(program, 'down', 'Take the network away; the device stays a member')
    .addOption(socket())
    .addOption(json('one line: state'))
    .addHelpText('after', examples('sudo weft down'))
    .action(async (options) => (await import('./verbs/down.ts')).down(options))
}

export function addStatus(program: Command): void {
  verb(program, 'status', 'Show this device, the coordinator and all peers')
    .addOption(socket())
    .option('-w, --watch', 'again every second, until Ctrl-C')
    .addOption(json('one line: self, coordinator, relay, peers'))
    .addHelpText('after', examples('weft status', 'weft status --watch', 'weft status --json'))
    .action(async (options) => (await import('./verbs/status.ts')).status(options))
}

export function addPeers(program: Command): void {
  verb(program, 'peers', 'List the peers with all their addresses')
    .addOption(socket())
    .addOption(json('one line: peers'))
    .addHelpText('after', examples('weft peers', 'weft peers --json'))
    .action(async (options) => (await import('./verbs/peers.ts')).peers(options))
}

export function addPing(program: Command): void {
  verb(program, 'ping', 'Measure the round trip to a peer through its tunnel')
    .argument('<peer>', 'a name, address or id')
    .option('-c, --count <n>', 'how many, then end (default: until Ctrl-C)', parseCount)
    .option('--until-direct', 'end with the first answer by a direct path; without one, fail after --count')
    .addOption(new Option('-i, --interval <seconds>', 'between two').argParser(parseInterval).default(1000, '1'))
    .addOption(socket())
    .addOption(json('one line for each answer, then a summary'))
    .addHelpText(
      'after',
      examples('weft ping laptop', 'weft ping -c 3 -i 0.2 100.64.1.2', 'weft ping --until-direct -c 20 laptop'),
    )
    .action(async (peer, options) => (await import('./verbs/ping.ts')).ping(peer, options))
}

export function addNetcheck(program: Command): void {
  verb(program, 'netcheck', 'Look at what stands between this device and the others')
    .addOption(socket())
    .addOption(json('one line: v4, v6, seen, addresses, relay, portal, portalPage, onlyHttp'))
    .addHelpText('after', examples('weft netcheck', 'weft netcheck --json'))
    .action(async (options) => (await import('./verbs/netcheck.ts')).netcheck(options))
}

export function addRotateKey(program: Command): void {
  verb(program, 'rotate-key', 'Give this device new keys, all but its identity')
    .addOption(socket())
    .addOption(json('one line: published, reason'))
    .addHelpText('after', examples('sudo weft rotate-key', 'sudo weft rotate-key --json'))
    .action(async (options) => (await import('./verbs/rotate-key.ts')).rotateKey(options))
}

export function addTrust(program: Command): void {
  verb(program, 'trust', 'Agree that a name or address has moved to another device')
    .argument('<peer>', 'the device that claims it: a name, address or id')
    .addOption(socket())
    .addOption(json('one line: id, name, owner, moved'))
    .addHelpText('after', examples('sudo weft trust laptop', 'sudo weft trust 0f1e2d3c4b5a69788796a5b4c3d2e1f0'))
    .action(async (peer, options) => (await import('./verbs/trust.ts')).trust(peer, options))
}

export function addBugreport(program: Command): void {
  verb(program, 'bugreport', 'Pack what a maintainer needs, without names, addresses or keys')
    .argument('[file]', 'to write; - for standard output (default: weft-bugreport-DATE.txt)')
    .addOption(state('state of the agent, for the end of its log'))
    .addOption(socket())
    .addOption(json('one line: file'))
    .addHelpText('after', examples('sudo weft bugreport', 'sudo weft bugreport - | less'))
    .action(async (file, options) => (await import('./verbs/bugreport.ts')).bugreport(file, options))
}
