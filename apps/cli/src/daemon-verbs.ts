import { Argument, type Command, Option } from 'commander'
import { parseListen, parseRange, parseStunPort, parseUrl } from './arguments.ts'
import { examples, json, metrics, noDns, port, socket, state, tun, verb } from './verb.ts'

export function addServe(program: Command): void {
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
    .addOption(socket())
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

export function addAgent(program: Command): void {
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

export function addService(program: Command): void {
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

/** For the list of verbs; the program itself runs before any of this is loaded. */
export function addWg(program: Command): void {
  verb(program, 'wg', 'Serve one WireGuard interface for wg and wg-quick, without a mesh')
    .argument('<name>', 'of the interface')
    .option('-f, --foreground', 'stay in the foreground')
    .addHelpText('after', examples('weft wg wg0 && wg setconf wg0 /etc/wireguard/wg0.conf'))
}

const servicePart = (): Argument => new Argument('<part>', 'which of them').choices(['agent', 'server', 'relay'])
const root = (): Option => new Option('--root <dir>', 'of a system that does not run, an image say').default('/')
