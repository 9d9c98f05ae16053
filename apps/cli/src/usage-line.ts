/** One line of commander's complaint about that command: `error: unknown command 'x'\n(Did you mean y?)` and the like. */
export function usageLine(text: string, command: string): string {
  const [what = '', suggestion] = text
    .trim()
    .replace(/^error: /, '')
    .split('\n', 2)
  const said = what
    .replace(/^command-argument value ('.*') is invalid for argument '(.*?)'\. /, '$1 is no $2: ')
    .replace(/^option '(?:-\w, )?(--\S+).*?' argument ('.*') is invalid\. /, '$1 $2 is invalid: ')
    .replace(/(?<=: )[A-Z](?=[a-z]* )/, (letter) => letter.toLowerCase())
    .replace(/\.$/, '')
  const guess = /\(Did you mean (?:one of )?(.+)\?\)/.exec(suggestion ?? '')?.[1]
  const advice = guess === undefined ? `see ${command} --help` : `did you mean ${guess}?`
  return `weft: ${said}; ${advice}`
}
