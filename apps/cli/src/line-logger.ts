import type { LogFields, Logger } from '@weft/base'
import { oneLine } from './failure.ts'

const levels = ['debug', 'info', 'warn', 'error'] as const
type Level = (typeof levels)[number]
const DEFAULT_LEVEL: Level = 'info'

/** Never written, whoever passes one by mistake. */
const secretFields = new Set(['key', 'keys', 'privateKey', 'seed', 'secret', 'link', 'token', 'presharedKey'])

/** One line for each event on standard error: time, level, part, event, fields. $WEFT_LOG names the lowest level. */
export function lineLogger(part: string, write: (line: string) => void = writeToStderr): Logger {
  const lowest = levels.indexOf(levels.find((level) => level === process.env.WEFT_LOG) ?? DEFAULT_LEVEL)
  const log = (level: Level) => (event: string, fields?: LogFields) => {
    if (levels.indexOf(level) >= lowest)
      write(`${new Date().toISOString()} ${level} ${part}: ${describe(event, fields)}`)
  }
  return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') }
}

function describe(event: string, fields: LogFields = {}): string {
  const texts = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${secretFields.has(name) ? '[redacted]' : quoted(String(value))}`)
  return [oneLine(event), ...texts].join(' ')
}

function quoted(value: string): string {
  return /^[\w.:/@+-]+$/.test(value) ? value : JSON.stringify(oneLine(value))
}

function writeToStderr(line: string): void {
  process.stderr.write(`${line}\n`)
}
