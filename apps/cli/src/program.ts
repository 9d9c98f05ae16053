import { Argument, Command, Option, type OutputConfiguration } from 'commander'
import manifest from '../package.json' with { type: 'json' }
import {
  collectTag,
  collectUrl,
  parseCount,
  parseInterfaceName,
  parseInterval,
  parseListen,
  parsePort,
  parseRange,
  parseRecordType,
  parseStunPort,
  parseUrl,
  RECORD_TYPES,
} from './arguments.ts'
import { shells } from './completion-scripts.ts'
import { parseExpiry } from './duration.ts'
import { complain } from './terminal.ts'
import { usageLine } from './usage-line.ts'

const HOURS_24 = 86_400

/** What can be typed. Each verb's work lies in its own module, loaded only when it is asked for. */
export function createProgram(): Command {
  const program = new Command('weft')
    .description('Your devices, one private network: end-to-end encrypted, self-hosted.')
    .version(`weft ${manifest.version}`, '--version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [verb]', 'Show help for a verb')
    .exitOverride()
    .configureOutput(complaints('weft'))
    .configureHelp({ subcommandTerm: (command) => command.name(), minWidthToWrap: 20 })
    .showHelpAfterError(false)
    .addHelpText(
      'after',
      examples(
        'sudo weft serve      run a mesh, with this machine in it',
        'sudo weft up LINK    join one with a link',
        'weft status          who is there',
      ),
    )
  addServe(program)
  addAgent(program)
  addUp(program)
  addDown(program)
  addStatus(program)
  addPeers(program)
  addPing(program)
  addNetcheck(program)
  addLink(program)
  addRoot(program)
  addRename(program)
  addRotateKey(program)
  addRemove(program)
  addTrust(program)
  addNames(program)
  addRelay(program)
  addService(program)
  addWg(program)
  addHelpers(program)
  return program
}

function addServe(program: Command): void {
  verb(program, 'serve', 'Run a mesh: coordinator, relay and STUN; as root also a node here')
    .addOption(state())
    .addOption(
      new Option('--listen <host:port>', 'where nodes reach it by TCP')
        .argParser(parseListen)
        .default({ host: '::', port: 7480 }, '[::]:7480'),
    )
    .option('--stun-port <n>', 'UDP port of STUN, 0 for none (default: 3478)', parseStunPort)
    .option('--public-url <url>', 'where nodes reach it from everywhere', parseUrl)
    .addOption(
      new Option('--only <part>', 'nothing else: a relay, with STUN, of a mesh whose coordinator is elsewhere')
        .choices(['relay'])
        .conflicts(['range', 'backup', 'restore', 'socket', 'tun', 'port', 'dns']),
    )
    .option('--mesh <file>', 'of --only relay: what weft relay describe printed; - reads standard input')
    .option('--range <prefix>', 'IPv4 addresses of a new mesh (default: a random /18 of 100.64.0.0/10)', parseRange)
    .option('--no-node', 'only the coordinator')
    .addOption(socket('the agent’s socket'))
    .addOption(tun())
    .addOption(port())
    .addOption(noDns())
    .addOption(metrics())
    .option('--backup <file>', 'write a backup of the mesh and its keys, also while it runs, and end')
    .option('--restore <file>', 'begin with the mesh of a backup, where the state directory has none')
    .addOption(json('one line: mesh, reachableAt, through, root, link, expires'))
    .addHelpText(
      'after',
      examples(
        'sudo weft serve',
        'sudo weft serve --backup /root/mesh.backup',
        'weft serve --state ~/mesh --public-url https://mesh.example.org',
        'weft serve --only relay --mesh mesh.json --state ~/relay',
      ),
    )
    .action(async (options, command: Command) => {
      if ((options.only === undefined) !== (options.mesh === undefined))
        command.error('error: --only relay and --mesh FILE go together', { exitCode: 2 })
      if (options.mesh !== undefined) return (await import('./verbs/serve-relay.ts')).serveRelay(options.mesh, options)
      if (options.backup !== undefined) return (await import('./verbs/backup.ts')).backup(options)
      return (await import('./verbs/serve.ts')).serve(options)
    })
}

function addAgent(program: Command): void {
  verb(program, 'agent', 'Run this device’s daemon in the foreground')
    .addOption(state())
    .addOption(socket('where it answers'))
    .addOption(tun())
    .addOption(port())
    .addOption(noDns())
    .addOption(metrics())
    .addOption(new Option('--ends-on-down').hideHelp())
    .addHelpText(
      'after',
      examples(
        'sudo weft agent',
        'sudo weft agent --state /var/lib/weft-test --socket /run/weft-test.sock --tun weft1',
      ),
    )
    .action(async (options) => (await import('./verbs/agent.ts')).agent(options))
}

function addUp(program: Command): void {
  verb(program, 'up', 'Join a mesh with a link, or reconnect')
    .argument('[link]', 'the join link; - reads it from standard input')
    .addOption(socket('the agent’s socket'))
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

function addDown(program: Command): void {
  verb(program, 'down', 'Take the network away; the device stays a member')
    .addOption(socket('the agent’s socket'))
    .addOption(json('one line: state'))
    .addHelpText('after', examples('sudo weft down'))
    .action(async (options) => (await import('./verbs/down.ts')).down(options))
}

function addStatus(program: Command): void {
  verb(program, 'status', 'Show this device, the coordinator and all peers')
    .addOption(socket('the agent’s socket'))
    .option('-w, --watch', 'again every second, until Ctrl-C')
    .addOption(json('one line: self, coordinator, relay, peers'))
    .addHelpText('after', examples('weft status', 'weft status --watch', 'weft status --json'))
    .action(async (options) => (await import('./verbs/status.ts')).status(options))
}

function addPeers(program: Command): void {
  verb(program, 'peers', 'List the peers with all their addresses')
    .addOption(socket('the agent’s socket'))
    .addOption(json('one line: peers'))
    .addHelpText('after', examples('weft peers', 'weft peers --json'))
    .action(async (options) => (await import('./verbs/peers.ts')).peers(options))
}

function addPing(program: Command): void {
  verb(program, 'ping', 'Measure the round trip to a peer through its tunnel')
    .argument('<peer>', 'a name, address or id')
    .option('-c, --count <n>', 'how many, then end (default: until Ctrl-C)', parseCount)
    .option('--until-direct', 'end with the first answer by a direct path; without one, fail after --count')
    .addOption(new Option('-i, --interval <seconds>', 'between two').argParser(parseInterval).default(1000, '1'))
    .addOption(socket('the agent’s socket'))
    .addOption(json('one line for each answer, then a summary'))
    .addHelpText(
      'after',
      examples('weft ping laptop', 'weft ping -c 3 -i 0.2 100.64.1.2', 'weft ping --until-direct -c 20 laptop'),
    )
    .action(async (peer, options) => (await import('./verbs/ping.ts')).ping(peer, options))
}

function addNetcheck(program: Command): void {
  verb(program, 'netcheck', 'Look at what stands between this device and the others')
    .addOption(socket('the agent’s socket'))
    .addOption(json('one line: v4, v6, seen, addresses, relay, portal, portalPage, onlyHttp'))
    .addHelpText('after', examples('weft netcheck', 'weft netcheck --json'))
    .action(async (options) => (await import('./verbs/netcheck.ts')).netcheck(options))
}

function addLink(program: Command): void {
  const link = verb(program, 'link', 'Create, list and revoke join links').addHelpText(
    'after',
    examples('weft link create --help'),
  )
  verb(link, 'create', 'Create a join link, for one device and 24 hours unless told otherwise')
    .option('--reusable', 'for any number of devices')
    .addOption(
      new Option('--expires <time>', 'how long it can be used: 90m, 24h, 7d')
        .argParser(parseExpiry)
        .default(HOURS_24, '24h'),
    )
    .addOption(
      new Option('--tag <tag>', 'a tag for the devices that join with it; can be repeated')
        .argParser(collectTag)
        .default([], 'none'),
    )
    .option('--root <file>', 'sign with the root key in this file, where it was moved off the server')
    .addOption(coordinatorState())
    .addOption(socket('the agent’s socket'))
    .addOption(json('one line: id, link, expires, reusable'))
    .addHelpText(
      'after',
      examples(
        'sudo weft link create',
        'sudo weft link create --reusable --expires 7d --tag server',
        'sudo weft link create --root /media/stick/mesh.root',
      ),
    )
    .action(async (options) => (await import('./verbs/link-create.ts')).linkCreate(options))
  verb(link, 'list', 'List the join links')
    .addOption(coordinatorState())
    .addOption(socket('the agent’s socket'))
    .addOption(json('one line: links'))
    .addHelpText('after', examples('sudo weft link list'))
    .action(async (options) => (await import('./verbs/link-list.ts')).linkList(options))
  verb(link, 'revoke', 'Make a join link useless; devices that joined with it stay')
    .argument('<id>', 'as link list shows it')
    .addOption(coordinatorState())
    .addOption(socket('the agent’s socket'))
    .addOption(json('one line: id'))
    .addHelpText('after', examples('sudo weft link revoke 3f2a9c1b'))
    .action(async (id, options) => (await import('./verbs/link-revoke.ts')).linkRevoke(id, options))
}

function addRoot(program: Command): void {
  const root = verb(program, 'root', 'Move the key that lets devices in, so that the server alone cannot').addHelpText(
    'after',
    examples('weft root export --help'),
  )
  verb(root, 'export', 'Move the root key into a file: from the server, or from this device where it holds it')
    .argument('<file>', 'a new one; whoever has it can let devices in')
    .addOption(serverState())
    .addOption(socket('the agent’s socket'))
    .addOption(json('one line: file, mesh, from'))
    .addHelpText(
      'after',
      examples('sudo weft root export /media/stick/mesh.root', 'weft root export ~/mesh.root --state ~/mesh'),
    )
    .action(async (file, options) => (await import('./verbs/root-export.ts')).rootExport(file, options))
  verb(root, 'import', 'Have this device hold the root key, so that links are made on it; or the server again')
    .argument('<file>', 'as weft root export wrote it; it stays')
    .addOption(serverState())
    .addOption(socket('the agent’s socket'))
    .addOption(json('one line: to'))
    .addHelpText(
      'after',
      examples('sudo weft root import /media/stick/mesh.root', 'weft root import ~/mesh.root --state ~/mesh'),
    )
    .action(async (file, options) => (await import('./verbs/root-import.ts')).rootImport(file, options))
}

function addService(program: Command): void {
  const service = verb(program, 'service', 'Have systemd run the agent or the server for good').addHelpText(
    'after',
    examples('weft service install --help'),
  )
  verb(service, 'install', 'Install the unit, enable it and start it; again to change its options')
    .addArgument(servicePart())
    .argument('[options...]', 'of weft agent or weft serve, behind --')
    .addOption(root())
    .option('--print', 'only print the unit')
    .addOption(json('one line: service, unit, running'))
    .addHelpText(
      'after',
      examples(
        'sudo weft service install agent',
        'sudo weft service install server -- --public-url https://mesh.example.org',
        'sudo weft service install relay -- --mesh /etc/weft-mesh.json',
      ),
    )
    .action(async (part, given, options) => (await import('./verbs/service.ts')).serviceInstall(part, given, options))
  verb(service, 'remove', 'Stop it and take the unit away; what it stored stays')
    .addArgument(servicePart())
    .addOption(root())
    .addOption(json('one line: service'))
    .addHelpText('after', examples('sudo weft service remove agent'))
    .action(async (part, options) => (await import('./verbs/service.ts')).serviceRemove(part, options))
  verb(service, 'status', 'Show which are installed, and whether they run')
    .addOption(root())
    .addOption(json('one line: services'))
    .addHelpText('after', examples('weft service status'))
    .action(async (options) => (await import('./verbs/service.ts')).serviceStatus(options))
}

function addRename(program: Command): void {
  verb(program, 'rename', 'Give this device, or another one, a new name')
    .argument('<peer-or-name>', 'the device (a name, address or id); alone, the new name of this device')
    .argument('[name]', 'the new name: letters, digits and hyphens')
    .addOption(socket('the agent’s socket'))
    .addOption(coordinatorState())
    .addOption(json('one line: id, name, before'))
    .addHelpText('after', examples('sudo weft rename laptop', 'sudo weft rename debian-2 nas'))
    .action(async (peer, name, options) => (await import('./verbs/rename.ts')).rename(peer, name, options))
}

function addRotateKey(program: Command): void {
  verb(program, 'rotate-key', 'Give this device new keys, all but its identity')
    .addOption(socket('the agent’s socket'))
    .addOption(json('one line: published, reason'))
    .addHelpText('after', examples('sudo weft rotate-key', 'sudo weft rotate-key --json'))
    .action(async (options) => (await import('./verbs/rotate-key.ts')).rotateKey(options))
}

function addRemove(program: Command): void {
  verb(program, 'remove', 'Take a device out of the mesh; it comes back with a new link only')
    .argument('<peer>', 'a name, address or id')
    .option('--root <file>', 'sign with the root key in this file, where it was moved off the server')
    .addOption(socket('the agent’s socket'))
    .addOption(coordinatorState())
    .addOption(json('one line: id, name, revoked'))
    .addHelpText(
      'after',
      examples('sudo weft remove old-laptop', 'sudo weft remove old-laptop --root /media/stick/mesh.root'),
    )
    .action(async (peer, options) => (await import('./verbs/remove.ts')).remove(peer, options))
}

function addTrust(program: Command): void {
  verb(program, 'trust', 'Agree that a name or address has moved to another device')
    .argument('<peer>', 'the device that claims it: a name, address or id')
    .addOption(socket('the agent’s socket'))
    .addOption(json('one line: id, name, owner, moved'))
    .addHelpText('after', examples('sudo weft trust laptop', 'sudo weft trust 0f1e2d3c4b5a69788796a5b4c3d2e1f0'))
    .action(async (peer, options) => (await import('./verbs/trust.ts')).trust(peer, options))
}

function addNames(program: Command): void {
  const names = verb(program, 'names', 'Names of the mesh besides those of its devices').addHelpText(
    'after',
    examples('weft names list', 'weft names add --help'),
  )
  verb(names, 'add', 'Add a record')
    .argument('<name>', 'a name below the mesh’s domain')
    .addArgument(new Argument('<type>', 'of the record').choices(RECORD_TYPES).argParser(parseRecordType))
    .argument('<value>', 'an address, a whole name, or a text')
    .addOption(socket('the agent’s socket'))
    .addOption(coordinatorState())
    .addOption(json('one line: record'))
    .addHelpText(
      'after',
      examples('sudo weft names add git.weft A 100.64.1.2', 'sudo weft names add www.weft CNAME nas.weft'),
    )
    .action(async (name, type, value, options) =>
      (await import('./verbs/names-add.ts')).namesAdd({ name, type, value }, options),
    )
  verb(names, 'list', 'Show the records')
    .addOption(socket('the agent’s socket'))
    .addOption(coordinatorState())
    .addOption(json('one line: domain, records'))
    .addHelpText('after', examples('weft names list'))
    .action(async (options) => (await import('./verbs/names-list.ts')).namesList(options))
  verb(names, 'remove', 'Remove all records of a name, or one')
    .argument('<name>', 'a name below the mesh’s domain')
    .addArgument(new Argument('[type]', 'of those to remove').choices(RECORD_TYPES).argParser(parseRecordType))
    .argument('[value]', 'of the one to remove')
    .addOption(socket('the agent’s socket'))
    .addOption(coordinatorState())
    .addOption(json('one line: records'))
    .addHelpText('after', examples('sudo weft names remove git.weft', 'sudo weft names remove git.weft A'))
    .action(async (name, type, value, options) =>
      (await import('./verbs/names-remove.ts')).namesRemove({ name, type, value }, options),
    )
}

function addRelay(program: Command): void {
  const relay = verb(program, 'relay', 'Relays of the mesh that run elsewhere than beside the coordinator').addHelpText(
    'after',
    examples('weft relay list', 'weft relay add --help'),
  )
  verb(relay, 'describe', 'Print what a relay elsewhere needs to know of the mesh; nothing of it is secret')
    .addOption(socket('the agent’s socket'))
    .addOption(coordinatorState())
    .addHelpText(
      'after',
      examples('weft relay describe > mesh.json', 'weft relay describe | ssh relay weft serve --only relay --mesh -'),
    )
    .action(async (options) => (await import('./verbs/relay.ts')).relayDescribe(options))
  verb(relay, 'add', 'Have nodes use a relay that runs already; its URLs, where it has several')
    .argument('<url...>', 'as the relay itself prints it', collectUrl)
    .addOption(socket('the agent’s socket'))
    .addOption(coordinatorState())
    .addOption(json('one line: relay'))
    .addHelpText('after', examples('sudo weft relay add https://relay.example.org'))
    .action(async (urls, options) => (await import('./verbs/relay.ts')).relayAdd(urls, options))
  verb(relay, 'list', 'Show them, and how the coordinator stands with them')
    .addOption(socket('the agent’s socket'))
    .addOption(coordinatorState())
    .addOption(json('one line: relays'))
    .addHelpText('after', examples('weft relay list'))
    .action(async (options) => (await import('./verbs/relay.ts')).relayList(options))
  verb(relay, 'remove', 'Have nodes leave a relay')
    .argument('<relay>', 'its id, as relay list shows it, or a URL of it')
    .addOption(socket('the agent’s socket'))
    .addOption(coordinatorState())
    .addOption(json('one line: id, places'))
    .addHelpText('after', examples('sudo weft relay remove 3f2a9c1b'))
    .action(async (relay, options) => (await import('./verbs/relay.ts')).relayRemove(relay, options))
}

/** For the list of verbs; the program itself runs before any of this is loaded. */
function addWg(program: Command): void {
  verb(program, 'wg', 'Serve one WireGuard interface for wg and wg-quick, without a mesh')
    .argument('<name>', 'of the interface')
    .option('-f, --foreground', 'stay in the foreground')
    .addHelpText('after', examples('weft wg wg0 && wg setconf wg0 /etc/wireguard/wg0.conf'))
}

function addBugreport(program: Command): void {
  verb(program, 'bugreport', 'Pack what a maintainer needs, without names, addresses or keys')
    .argument('[file]', 'to write; - for standard output (default: weft-bugreport-DATE.txt)')
    .addOption(state('state of the agent, for the end of its log'))
    .addOption(socket('the agent’s socket'))
    .addOption(json('one line: file'))
    .addHelpText('after', examples('sudo weft bugreport', 'sudo weft bugreport - | less'))
    .action(async (file, options) => (await import('./verbs/bugreport.ts')).bugreport(file, options))
}

/** About the command itself. */
function addHelpers(program: Command): void {
  addBugreport(program)
  verb(program, 'completion', 'Print what makes a shell complete weft’s words')
    .addArgument(new Argument('<shell>', 'which').choices(shells))
    .addHelpText(
      'after',
      examples(
        'weft completion bash | sudo tee /etc/bash_completion.d/weft',
        'weft completion zsh | sudo tee /usr/local/share/zsh/site-functions/_weft',
        'weft completion fish > ~/.config/fish/completions/weft.fish',
      ),
    )
    .action(async (shell) => (await import('./verbs/completion.ts')).completion(shell))
  verb(program, 'manual', 'Print the manual page, for man')
    .addHelpText('after', examples('weft manual | man -l -', 'weft manual | sudo tee /usr/local/share/man/man1/weft.1'))
    .action(async () => (await import('./verbs/manual.ts')).manual(program))
  program
    .command('complete-words', { hidden: true })
    .argument('[words...]')
    .helpOption(false)
    .action(async (words) => (await import('./verbs/complete-words.ts')).completeWords(program, words))
}

/** Other settings, like `exitOverride`, are the parent's. */
function verb(parent: Command, name: string, description: string): Command {
  const whole = parent.parent === null ? `weft ${name}` : `weft ${parent.name()} ${name}`
  return parent
    .command(name)
    .description(description)
    .helpOption('-h, --help', 'show help')
    .configureOutput(complaints(whole))
}

function complaints(command: string): OutputConfiguration {
  return { outputError: (text) => complain(usageLine(text, command)) }
}

const state = (what = 'state directory (default: /var/lib/weft as root, else $XDG_STATE_HOME/weft)'): Option =>
  new Option('--state <dir>', what)
const coordinatorState = (): Option =>
  new Option('--state <dir>', 'ask the running weft serve of this state directory instead of the agent')
const serverState = (): Option => new Option('--state <dir>', 'the running weft serve of this state directory')
const socket = (what: string): Option =>
  new Option('--socket <path>', `${what} (default: $WEFT_SOCKET, /run/weft/agent.sock)`)
const tun = (): Option =>
  new Option('--tun <name>', 'name of the network interface (default: weft0)').argParser(parseInterfaceName)
const port = (): Option =>
  new Option('--port <n>', 'UDP port of the node (default: 7481, another where that is taken)').argParser(parsePort)
const noDns = (): Option =>
  new Option('--no-dns', 'leave this machine’s resolver alone; names then work for who asks the mesh’s own')
const metrics = (): Option =>
  new Option('--metrics <host:port>', 'answer GET /metrics there, for Prometheus').argParser(parseListen)
const servicePart = (): Argument => new Argument('<part>', 'which of them').choices(['agent', 'server', 'relay'])
const root = (): Option => new Option('--root <dir>', 'of a system that does not run, an image say').default('/')
const json = (what: string): Option => new Option('--json', `as JSON, ${what}`)

function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`
}
