import { Argument, Command } from 'commander'
import manifest from '../package.json' with { type: 'json' }
import { shells } from './completion-scripts.ts'
import { addAgent, addServe, addService, addWg } from './daemon-verbs.ts'
import {
  addBugreport,
  addDown,
  addNetcheck,
  addPeers,
  addPing,
  addRotateKey,
  addStatus,
  addTrust,
  addUp,
} from './device-verbs.ts'
import { addLink, addNames, addRelay, addRemove, addRename, addRoot } from './mesh-verbs.ts'
import { complaints, examples, verb } from './verb.ts'

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
  addBugreport(program)
  addHelpers(program)
  return program
}

/** About the command itself. */
function addHelpers(program: Command): void {
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
