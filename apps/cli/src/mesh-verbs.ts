import { Argument, type Command, Option } from 'commander'
import { collectTag, collectUrl, parseExpiry, parseRecordType, RECORD_TYPES } from './arguments.ts'
import { coordinatorState, examples, json, socket, verb } from './verb.ts'

const HOURS_24 = 86_400

export function addLink(program: Command): void {
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
    .addOption(socket())
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
    .addOption(socket())
    .addOption(json('one line: links'))
    .addHelpText('after', examples('sudo weft link list'))
    .action(async (options) => (await import('./verbs/link-list.ts')).linkList(options))
  verb(link, 'revoke', 'Make a join link useless; devices that joined with it stay')
    .argument('<id>', 'as link list shows it')
    .addOption(coordinatorState())
    .addOption(socket())
    .addOption(json('one line: id'))
    .addHelpText('after', examples('sudo weft link revoke 3f2a9c1b'))
    .action(async (id, options) => (await import('./verbs/link-revoke.ts')).linkRevoke(id, options))
}

export function addRoot(program: Command): void {
  const root = verb(program, 'root', 'Move the key that lets devices in, so that the server alone cannot').addHelpText(
    'after',
    examples('weft root export --help'),
  )
  verb(root, 'export', 'Move the root key into a file: from the server, or from this device where it holds it')
    .argument('<file>', 'a new one; whoever has it can let devices in')
    .addOption(serverState())
    .addOption(socket())
    .addOption(json('one line: file, mesh, from'))
    .addHelpText(
      'after',
      examples('sudo weft root export /media/stick/mesh.root', 'weft root export ~/mesh.root --state ~/mesh'),
    )
    .action(async (file, options) => (await import('./verbs/root-export.ts')).rootExport(file, options))
  verb(root, 'import', 'Have this device hold the root key, so that links are made on it; or the server again')
    .argument('<file>', 'as weft root export wrote it; it stays')
    .addOption(serverState())
    .addOption(socket())
    .addOption(json('one line: to'))
    .addHelpText(
      'after',
      examples('sudo weft root import /media/stick/mesh.root', 'weft root import ~/mesh.root --state ~/mesh'),
    )
    .action(async (file, options) => (await import('./verbs/root-import.ts')).rootImport(file, options))
}

export function addRename(program: Command): void {
  verb(program, 'rename', 'Give this device, or another one, a new name')
    .argument('<peer-or-name>', 'the device (a name, address or id); alone, the new name of this device')
    .argument('[name]', 'the new name: letters, digits and hyphens')
    .addOption(socket())
    .addOption(coordinatorState())
    .addOption(json('one line: id, name, before'))
    .addHelpText('after', examples('sudo weft rename laptop', 'sudo weft rename debian-2 nas'))
    .action(async (peer, name, options) => (await import('./verbs/rename.ts')).rename(peer, name, options))
}

export function addRemove(program: Command): void {
  verb(program, 'remove', 'Take a device out of the mesh; it comes back with a new link only')
    .argument('<peer>', 'a name, address or id')
    .option('--root <file>', 'sign with the root key in this file, where it was moved off the server')
    .addOption(socket())
    .addOption(coordinatorState())
    .addOption(json('one line: id, name, revoked'))
    .addHelpText(
      'after',
      examples('sudo weft remove old-laptop', 'sudo weft remove old-laptop --root /media/stick/mesh.root'),
    )
    .action(async (peer, options) => (await import('./verbs/remove.ts')).remove(peer, options))
}

export function addNames(program: Command): void {
  const names = verb(program, 'names', 'Names of the mesh besides those of its devices').addHelpText(
    'after',
    examples('weft names list', 'weft names add --help'),
  )
  verb(names, 'add', 'Add a record')
    .argument('<name>', 'a name below the mesh’s domain')
    .addArgument(new Argument('<type>', 'of the record').choices(RECORD_TYPES).argParser(parseRecordType))
    .argument('<value>', 'an address, a whole name, or a text')
    .addOption(socket())
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
    .addOption(socket())
    .addOption(coordinatorState())
    .addOption(json('one line: domain, records'))
    .addHelpText('after', examples('weft names list'))
    .action(async (options) => (await import('./verbs/names-list.ts')).namesList(options))
  verb(names, 'remove', 'Remove all records of a name, or one')
    .argument('<name>', 'a name below the mesh’s domain')
    .addArgument(new Argument('[type]', 'of those to remove').choices(RECORD_TYPES).argParser(parseRecordType))
    .argument('[value]', 'of the one to remove')
    .addOption(socket())
    .addOption(coordinatorState())
    .addOption(json('one line: records'))
    .addHelpText('after', examples('sudo weft names remove git.weft', 'sudo weft names remove git.weft A'))
    .action(async (name, type, value, options) =>
      (await import('./verbs/names-remove.ts')).namesRemove({ name, type, value }, options),
    )
}

export function addRelay(program: Command): void {
  const relay = verb(program, 'relay', 'Relays of the mesh that run elsewhere than beside the coordinator').addHelpText(
    'after',
    examples('weft relay list', 'weft relay add --help'),
  )
  verb(relay, 'describe', 'Print what a relay elsewhere needs to know of the mesh; nothing of it is secret')
    .addOption(socket())
    .addOption(coordinatorState())
    .addHelpText(
      'after',
      examples('weft relay describe > mesh.json', 'weft relay describe | ssh relay weft serve --only relay --mesh -'),
    )
    .action(async (options) => (await import('./verbs/relay.ts')).relayDescribe(options))
  verb(relay, 'add', 'Have nodes use a relay that runs already; its URLs, where it has several')
    .argument('<url...>', 'as the relay itself prints it', collectUrl)
    .addOption(socket())
    .addOption(coordinatorState())
    .addOption(json('one line: relay'))
    .addHelpText('after', examples('sudo weft relay add https://relay.example.org'))
    .action(async (urls, options) => (await import('./verbs/relay.ts')).relayAdd(urls, options))
  verb(relay, 'list', 'Show them, and how the coordinator stands with them')
    .addOption(socket())
    .addOption(coordinatorState())
    .addOption(json('one line: relays'))
    .addHelpText('after', examples('weft relay list'))
    .action(async (options) => (await import('./verbs/relay.ts')).relayList(options))
  verb(relay, 'remove', 'Have nodes leave a relay')
    .argument('<relay>', 'its id, as relay list shows it, or a URL of it')
    .addOption(socket())
    .addOption(coordinatorState())
    .addOption(json('one line: id, places'))
    .addHelpText('after', examples('sudo weft relay remove 3f2a9c1b'))
    .action(async (relay, options) => (await import('./verbs/relay.ts')).relayRemove(relay, options))
}

const serverState = (): Option => new Option('--state <dir>', 'the running weft serve of this state directory')
