import { styleText } from 'node:util'
import type { LogFields, Logger } from '@weft/base'
import { replaceAddresses } from './addresses-in-text.ts'
import { oneLine } from './failure.ts'

const levels = ['debug', 'info', 'warn', 'error'] as const
type Level = (typeof levels)[number]
const DEFAULT_LEVEL: Level = 'info'

/** Never written, whoever passes one by mistake. */
const secretFields = new Set(['key', 'keys', 'privateKey', 'seed', 'secret', 'link', 'token', 'presharedKey'])

export interface LogSink {
  write(line: string): void
  /** Words where somebody reads along, JSON where a program does. */
  readonly isTerminal: boolean
}

/**
 * One line for each event on standard error: time, level, part, event, fields. $WEFT_LOG names the lowest level. Above
 * debug an address is left out, also from an error's text that a library wrote.
 */
export function lineLogger(part: string, sink: LogSink = standardError): Logger {
  const lowest = levels.indexOf(levels.find((level) => level === process.env.WEFT_LOG) ?? DEFAULT_LEVEL)
  const form = sink.isTerminal ? wordsOf : jsonOf
  const log = (level: Level) => (event: string, fields?: LogFields) => {
    if (levels.indexOf(level) < lowest) return
    const time = new Date().toISOString()
    sink.write(form({ time, level, part, event: oneLine(event) }, clean(fields, level)))
  }
  return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') }
}

type Head = Readonly<Record<'time' | 'level' | 'part' | 'event', string>>

function clean(fields: LogFields = {}, level: Level): LogFields {
  return Object.fromEntries(
    Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, secretFields.has(name) ? '[redacted]' : withoutAddresses(value, level)]),
  )
}

function withoutAddresses(value: LogFields[string], level: Level): LogFields[string] {
  if (typeof value !== 'string') return value
  return level === 'debug' ? oneLine(value) : replaceAddresses(oneLine(value), () => '[address]')
}

/** Fields beside the head, which no field of that name replaces. */
function jsonOf(head: Head, fields: LogFields): string {
  return JSON.stringify({ ...head, ...fields, ...head })
}

/** Short, and paler than what a verb answers: ids by their beginning, this machine's time of the day. */
function wordsOf({ time, level, part, event }: Head, fields: LogFields): string {
  const texts = Object.entries(fields).map(([name, value]) => `${name}=${quoted(String(value))}`)
  const clock = new Date(time).toTimeString().slice(0, 8)
  const line = [clock, ...(level === 'info' ? [] : [level]), `${part}:`, event, ...texts].join(' ')
  return level === 'info' || level === 'debug' ? styleText('dim', line, { stream: process.stderr }) : line
}

function quoted(value: string): string {
  if (/^[0-9a-f]{32}$/.test(value)) return value.slice(0, 8)
  return /^[\w.:/@+[\]-]+$/.test(value) ? value : JSON.stringify(value)
}

const standardError: LogSink = {
  write: (line) => process.stderr.write(`${line}\n`),
  get isTerminal() {
    return process.stderr.isTTY
  },
}
