import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readOptions } from '../src/wg-options.ts'

test('a name alone asks for the background, and for errors only', () => {
  assert.deepEqual(readOptions(['wg0'], {}), {
    name: 'wg0',
    isForeground: false,
    logLevel: 'error',
    hasLogLevel: false,
    tunFd: undefined,
    uapiFd: undefined,
    readyFd: undefined,
  })
})

test('the foreground is asked for by option or environment', () => {
  for (const [args, env] of [
    [['--foreground', 'wg0'], {}],
    [['wg0', '-f'], {}],
    [['wg0'], { WG_PROCESS_FOREGROUND: '1' }],
  ] as const) {
    const options = readOptions(args, env)
    assert.ok(options !== 'help' && options.isForeground)
  }
})

test('the environment names the log level and descriptors', () => {
  const options = readOptions(['wg0'], { LOG_LEVEL: 'verbose', WG_TUN_FD: '7', WG_UAPI_FD: '8' })
  assert.ok(options !== 'help')
  assert.deepEqual([options.logLevel, options.tunFd, options.uapiFd], ['verbose', 7, 8])
})

for (const [what, args, env, complaint] of [
  ['no name', [], {}, /name of the interface is missing/],
  ['two names', ['wg0', 'wg1'], {}, /one interface at a time/],
  ['a name that is too long', ['a-name-of-16-byte'], {}, /1 to 15 characters/],
  ['a name with a slash', ['../wg0'], {}, /1 to 15 characters/],
  ['a pattern for a name', ['wg%d'], {}, /1 to 15 characters/],
  ['an unknown option', ['--what', 'wg0'], {}, /there is no option --what/],
  ['a descriptor that is none', ['wg0'], { WG_TUN_FD: '-1' }, /WG_TUN_FD is no file descriptor/],
] as const) {
  test(`${what} is refused with what to do`, () => {
    assert.throws(() => readOptions(args, env), complaint)
  })
}
