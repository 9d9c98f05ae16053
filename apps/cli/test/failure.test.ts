import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Logger } from '@weft/base'
import { CliError, failureLine, usageLine } from '../src/failure.ts'
import { lineLogger } from '../src/line-logger.ts'

test('an error that a user can mend is its own message', () => {
  assert.equal(failureLine(new CliError('x', 'what: why; what to do')), 'weft: what: why; what to do')
})

test('any other error is said to be unexpected', () => {
  assert.match(failureLine(new TypeError('x is undefined')), /^weft: something unexpected happened: x is undefined;/)
  assert.match(failureLine(Object.assign(new Error('open failed'), { code: 'EIO' })), /unexpected/)
  assert.equal(failureLine('text'), 'weft: something unexpected happened: text')
})

test('a message of others stays on one line, without control characters', () => {
  assert.equal(failureLine(new CliError('x', 'a\nb\u001b[31mc\u2028d')), 'weft: a b [31mc d')
})

test('a complaint about usage is one line with a suggestion or the way to help', () => {
  const suggestion = "error: unknown command 'stauts'\n(Did you mean status?)\n"
  assert.equal(usageLine(suggestion, 'weft'), "weft: unknown command 'stauts'; did you mean status?")
  assert.equal(
    usageLine("error: missing required argument 'peer'\n", 'weft ping'),
    "weft: missing required argument 'peer'; see weft ping --help",
  )
})

test('a value that cannot be is told in our words, with what can', () => {
  for (const [complaint, line] of [
    [
      "error: command-argument value 'MX' is invalid for argument 'type'. It is one of A, AAAA.",
      "weft: 'MX' is no type: it is one of A, AAAA; see weft x --help",
    ],
    [
      "error: option '-c, --count <n>' argument '0' is invalid. Give a number from 1 on.",
      "weft: --count '0' is invalid: give a number from 1 on; see weft x --help",
    ],
    [
      "error: option '--range <prefix>' argument 'x' is invalid. Give an IPv4 prefix: 100.64.0.0/18.",
      "weft: --range 'x' is invalid: give an IPv4 prefix: 100.64.0.0/18; see weft x --help",
    ],
  ] as const)
    assert.equal(usageLine(complaint, 'weft x'), line)
})

test('in a terminal a log line has the hour, part, event and fields, ids by their beginning, and no line break of theirs', () => {
  const mesh = '95d37b4c74f055ccd3fea9622e08523b'
  const [line = '', none] = logged({ isTerminal: true }, (logger) => {
    logger.info('peer added', { name: 'nas', note: 'a\nb', none: undefined, port: 7481, mesh, seed: 'abc' })
    logger.debug('not shown')
  })
  assert.equal(none, undefined)
  assert.match(line, /^\d\d:\d\d:\d\d agent: peer added name=nas note="a b" port=7481 mesh=95d37b4c seed=\[redacted\]$/)
})

test('where nobody reads along a log line is JSON, and no field takes the place of the head', () => {
  const [line = ''] = logged({ isTerminal: false }, (logger) =>
    logger.warn('lost', { level: 'none', port: 7481, isLast: true }),
  )
  const { time, ...rest } = JSON.parse(line)
  assert.match(time, /Z$/)
  assert.deepEqual(rest, { level: 'warn', part: 'agent', event: 'lost', port: 7481, isLast: true })
})

test('no address is logged above debug, also where a library wrote it', () => {
  const reason = 'connect ECONNREFUSED 192.0.2.1:7480'
  const [line = ''] = logged({ isTerminal: true }, (logger) => logger.error('failed', { reason }))
  assert.match(line, /reason="connect ECONNREFUSED \[address\]:7480"$/)
})

function logged(sink: { readonly isTerminal: boolean }, log: (logger: Logger) => void): readonly string[] {
  const lines: string[] = []
  log(lineLogger('agent', { ...sink, write: (line) => lines.push(line) }))
  return lines
}
