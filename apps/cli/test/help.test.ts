import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Command } from 'commander'
import { createProgram } from '../src/program.ts'
import { widthOf } from '../src/text-width.ts'

test('every verb’s help has an example, and fits in terminals of 60, 80 and 120 columns', () => {
  for (const columns of [60, 80, 120])
    for (const command of commandsOf(createProgram())) {
      const [help = '', examples = ''] = helpOf(command, columns).split('Examples:\n')
      for (const line of help.split('\n'))
        assert.ok(widthOf(line) <= columns || line.startsWith('Usage: '), `${columns} columns: ${line}`)
      assert.match(examples, /^ {2}(?:sudo )?\S/, `an example of ${command.name()}`)
    }
})

function commandsOf(program: Command): readonly Command[] {
  const shown = program.commands.filter((command) => command.name() !== 'complete-words')
  return [program, ...shown.flatMap((command) => commandsOf(command))]
}

function helpOf(command: Command, columns: number): string {
  let text = ''
  command.configureOutput({
    writeOut: (part) => {
      text += part
    },
    getOutHelpWidth: () => columns,
  })
  command.outputHelp()
  return text
}
