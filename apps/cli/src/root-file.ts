import { readFileSync, statSync } from 'node:fs'
import { CliError, codeOf } from './failure.ts'
import { warn } from './terminal.ts'

/** What lies in a root file, not looked into. @throws {CliError} */
export function readRootText(path: string): string {
  try {
    if ((statSync(path).mode & 0o077) !== 0)
      warn(`${path} can be read by others on this machine, and holds the root key: chmod 600 it`)
    return readFileSync(path, 'utf8')
  } catch (error) {
    const why = codeOf(error) === 'ENOENT' ? 'there is no such file' : (codeOf(error) ?? String(error))
    throw new CliError('not-read', `cannot read ${path}: ${why}; give the file that weft root export wrote`, error)
  }
}
