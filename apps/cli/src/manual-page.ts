/** The manual page in man(7)'s macros, from the tree of commands that `--help` shows too. */
import type { Command } from 'commander'

export function manualPage(program: Command, version: string): string {
  return [
    `.TH WEFT 1 "" "weft ${version}" "weft"`,
    '.SH NAME',
    `weft \\- ${text(program.description().replace(/\.$/, '').toLowerCase())}`,
    '.SH SYNOPSIS',
    '.B weft',
    '.I verb',
    '.RI [ arguments "] [" options ]',
    '.SH DESCRIPTION',
    ...paragraphs,
    '.SH VERBS',
    ...leavesOf(program).flatMap((command) => verbLines(command)),
    '.SH ENVIRONMENT',
    ...definitions(environment),
    '.SH FILES',
    ...definitions(files),
    '.SH EXIT STATUS',
    ...definitions([
      ['0', 'It was done.'],
      ['1', 'It failed; one line on standard error says what, why, and what to do.'],
      ['2', 'The command line was wrong.'],
    ]),
    '.SH SEE ALSO',
    '.BR wg (8),',
    '.BR ip (8)',
    '',
  ].join('\n')
}

const paragraphs = [
  'weft weaves devices into one private network: each has an address of its own, and every two of them talk through an',
  'end\\-to\\-end encrypted WireGuard tunnel.',
  'One machine runs',
  '.BR "weft serve" ,',
  'which prints a join link; on every other',
  '.BI "weft up " LINK',
  'joins.',
]

const environment = [
  ['WEFT_SOCKET', 'Path of the agent’s socket, where --socket does not name one.'],
  ['WEFT_LOG', 'The lowest level of the log: debug, info (without it), warn or error.'],
  ['WEFT_DEBUG', 'Where it is set, an unexpected error also shows where it arose.'],
  ['NO_COLOR', 'Where it is set, nothing is coloured.'],
] as const

const files = [
  ['/var/lib/weft', 'State, of root; $XDG_STATE_HOME/weft of another user. Holds private keys: keep it to yourself.'],
  ['/run/weft/agent.sock', 'The agent’s socket.'],
] as const

/** The verbs that do something, `link create` rather than `link`. */
function leavesOf(command: Command): readonly Command[] {
  return visible(command).flatMap((each) => (each.commands.length > 0 ? leavesOf(each) : [each]))
}

function visible(command: Command): readonly Command[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .filter((each) => each.name() !== 'help')
}

function verbLines(command: Command): readonly string[] {
  const help = command.createHelp()
  const given = command.registeredArguments.map((each) => (each.required ? `<${each.name()}>` : `[${each.name()}]`))
  const options = help
    .visibleOptions(command)
    .map((each) => [help.optionTerm(each), help.optionDescription(each)] as const)
  const examples = examplesOf(command)
  return [
    `.SS ${text([fullName(command), ...given].join(' '))}`,
    `${text(command.description())}.`,
    ...definitions(options),
    ...(examples.length === 0 ? [] : ['.PP', 'Examples:', '.PP', '.RS 4', '.nf', ...examples.map(text), '.fi', '.RE']),
  ]
}

function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`
}

/** Of the help's own end. */
function examplesOf(command: Command): readonly string[] {
  let help = ''
  const output = command.configureOutput()
  command.configureOutput({ writeOut: (part) => (help += part) })
  command.outputHelp()
  command.configureOutput(output)
  const lines = /\nExamples:\n([\s\S]*)$/.exec(help)?.[1]?.split('\n') ?? []
  return lines.map((line) => line.trim()).filter((line) => line !== '')
}

function definitions(pairs: readonly (readonly [string, string])[]): readonly string[] {
  return pairs.flatMap(([term, meaning]) => ['.TP', `.B ${text(term)}`, text(meaning)])
}

/** As itself: no line of it is a request, and a hyphen is one that can be copied. */
function text(plain: string): string {
  return plain
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/, '\\&$1')
}
