import type { LogFields, Logger } from '@weft/base'
import type { LogLevel } from './wg-options.ts'

/** One line for each event on standard error: time, level, interface, event, fields. */
export function logTo(name: string, level: LogLevel, write: (line: string) => void): Logger {
  const say = (severity: string) => (event: string, fields?: LogFields) =>
    write(`${new Date().toISOString()} ${severity} ${name}: ${event}${textOf(fields)}\n`)
  const quiet = () => {}
  const isVerbose = level === 'verbose'
  return {
    debug: isVerbose ? say('debug') : quiet,
    info: isVerbose ? say('info') : quiet,
    warn: isVerbose ? say('warn') : quiet,
    error: level === 'silent' ? quiet : say('error'),
  }
}

function textOf(fields: LogFields = {}): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([field, value]) => ` ${field}=${JSON.stringify(value)}`)
    .join('')
}
