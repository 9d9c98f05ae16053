/**
 * What can be typed next, read from the tree of commands: each shell's script only asks for it, so that all three offer the
 * same, and a new verb needs nothing.
 */
import type { Command, Option } from 'commander'

export interface Candidate {
  readonly word: string
  readonly description: string
}

/** The shell itself knows files best. */
export type Completion =
  | { readonly kind: 'words'; readonly candidates: readonly Candidate[] }
  | { readonly kind: 'files' }
  | { readonly kind: 'directories' }

/** What an argument or option of that name may be, where the agent knows: peers say. */
export type Known = (name: string, command: string) => Promise<readonly Candidate[]>

/** @param words behind the program's name; the last is the one being typed, perhaps empty. */
export async function complete(program: Command, words: readonly string[], known: Known): Promise<Completion> {
  const current = words.at(-1) ?? ''
  const place = placeOf(program, words.slice(0, -1))
  if (place.awaiting !== undefined) return valuesOf(place.awaiting.long ?? '', place.awaiting.flags, place, known)
  if (current.startsWith('-') && !place.isBehindDashes) return wordsOf(optionsOf(place.command))
  const verbs = place.arguments === 0 ? verbsOf(place.command) : []
  if (verbs.length > 0) return wordsOf(verbs)
  const { registeredArguments } = place.command
  const argument = registeredArguments[place.arguments] ?? registeredArguments.findLast(({ variadic }) => variadic)
  if (argument === undefined) return wordsOf([])
  if (argument.argChoices !== undefined) return wordsOf(argument.argChoices.map(plain))
  return argument.name() === 'file' ? { kind: 'files' } : wordsOf(await known(argument.name(), place.command.name()))
}

interface Place {
  readonly command: Command
  /** An option whose value comes next. */
  readonly awaiting: Option | undefined
  /** Given so far. */
  readonly arguments: number
  readonly isBehindDashes: boolean
}

function placeOf(program: Command, words: readonly string[]): Place {
  let command = program
  let awaiting: Option | undefined
  let given = 0
  let isBehindDashes = false
  // bash takes `--option=value` for three words.
  for (const word of words.filter((each) => each !== '=')) {
    if (awaiting !== undefined) awaiting = undefined
    else if (word === '--') isBehindDashes = true
    else if (word.startsWith('-') && !isBehindDashes) awaiting = optionThatWaits(command, word)
    else {
      const next = given === 0 ? command.commands.find((each) => each.name() === word) : undefined
      if (next === undefined) given++
      else command = next
    }
  }
  return { command, awaiting, arguments: given, isBehindDashes }
}

function optionThatWaits(command: Command, word: string): Option | undefined {
  return word.includes('=')
    ? undefined
    : command.options.find((each) => each.required && (each.long === word || each.short === word))
}

async function valuesOf(name: string, flags: string, place: Place, known: Known): Promise<Completion> {
  if (/<dir>/.test(flags)) return { kind: 'directories' }
  if (/<(path|file)>/.test(flags)) return { kind: 'files' }
  const choices = place.awaiting?.argChoices
  return wordsOf(choices === undefined ? await known(name, place.command.name()) : choices.map(plain))
}

const plain = (word: string): Candidate => ({ word, description: '' })

const wordsOf = (candidates: readonly Candidate[]): Completion => ({ kind: 'words', candidates })

function optionsOf(command: Command): readonly Candidate[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .map((option) => ({ word: option.long ?? option.short ?? '', description: option.description }))
}

function verbsOf(command: Command): readonly Candidate[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .map((each) => ({ word: each.name(), description: each.description() }))
}
