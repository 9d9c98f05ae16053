import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(import.meta.resolve('../../src/main.ts'))
const isRoot = process.getuid?.() === 0
const hasSystemctl = spawnSync('systemctl', ['--version']).status === 0
const skip = isRoot && hasSystemctl ? false : 'needs root and systemctl'

describe('weft service', { skip }, () => {
  let root: string

  before(() => {
    root = mkdtempSync(join(tmpdir(), 'weft-service-'))
  })
  after(() => rmSync(root, { recursive: true }))

  it('installs, changes and removes a unit of a system that does not run, and leaves nothing', () => {
    for (const part of ['agent', 'server']) {
      const unit = join(root, `etc/systemd/system/weft-${part}.service`)
      assert.match(good('install', part, '--root', root), /is installed; it starts when systemd does/)
      assert.deepEqual(statusOf(part), { service: part, unit, enabled: 'enabled', state: 'unknown' })
      assert.deepEqual(
        JSON.parse(good('install', part, '--root', root, '--json', '--', '--metrics', '127.0.0.1:9480')),
        {
          service: part,
          unit,
          running: false,
        },
      )
      assert.match(readFileSync(unit, 'utf8'), /^ExecStart=.* --metrics 127\.0\.0\.1:9480$/m)
      assert.match(good('remove', part, '--root', root), /is removed; what it stored stays/)
      assert.deepEqual(statusOf(part), { service: part, unit: null, enabled: 'no', state: 'not installed' })
    }
    assert.deepEqual(globSync('**/weft-*', { cwd: root }), [])
  })

  it('refuses what would not start, in one line, before anything is written', () => {
    const table: readonly (readonly [words: readonly string[], code: number, says: RegExp])[] = [
      [['install', 'tunnel'], 2, /'tunnel' is no part: .*agent, server, relay/],
      [['install', 'relay'], 1, /the relay needs --mesh FILE/],
      [['install', 'relay', '--', '--mesh', 'mesh.json'], 1, /by an absolute path/],
      [['install', 'agent', '--', '--state', '/x'], 1, /--state is fixed in a service; leave it away/],
      [['install', 'server', '--', '--no-node'], 1, /--no-node is fixed in a service/],
      [['install', 'server', '--', '--lisen', '[::]:443'], 1, /weft serve has no --lisen; see weft serve --help/],
      [['install', 'agent', '--', 'word'], 1, /weft agent has no word; see weft agent --help/],
      [['install', 'server', '--', '--public-url', 'https://a\nExecStart=/x'], 1, /control character/],
      [['remove', 'agent'], 1, /weft-agent\.service is not installed; see weft service status/],
    ]
    for (const [words, code, says] of table) {
      const [verb = '', ...rest] = words
      const end = refused({}, verb, '--root', root, ...rest)
      assert.equal(end.status, code, end.stderr)
      assert.match(end.stderr, says)
    }
    assert.deepEqual(globSync('**/weft-*', { cwd: root }), [])
  })

  it('leaves the unit of a package to the package', () => {
    const unit = join(root, 'usr/lib/systemd/system/weft-agent.service')
    mkdirSync(join(unit, '..'), { recursive: true })
    writeFileSync(unit, '[Service]\nExecStart=/bin/true\n')
    assert.match(refused({}, 'remove', 'agent', '--root', root).stderr, /belongs to the package.*apt remove weft/)
    assert.ok(existsSync(unit))
    rmSync(unit)
  })

  it('says what to do without root, and without systemd', () => {
    const stranger = refused({ uid: 65_534 }, 'install', 'agent', '--root', root)
    assert.match(stranger.stderr, /only root may change services; try it with sudo/)
    const bare = refused({ env: { PATH: '/nowhere' } }, 'install', 'agent', '--root', root)
    assert.match(bare.stderr, /no systemd; have its own service manager run: weft agent, or: weft serve --no-node/)
  })

  function statusOf(part: string): unknown {
    const { services } = JSON.parse(good('status', '--root', root, '--json'))
    return services.find(({ service }: { service: string }) => service === part)
  }
})

function good(...args: readonly string[]): string {
  const { status, stdout, stderr } = weft({}, ...args)
  assert.equal(status, 0, stderr)
  return stdout
}

function refused(options: { uid?: number; env?: NodeJS.ProcessEnv }, ...args: readonly string[]) {
  const end = weft(options, ...args)
  assert.notEqual(end.status, 0)
  assert.equal(end.stdout, '')
  assert.match(end.stderr, /^weft: [^\n]+\n$/)
  return end
}

function weft(options: { uid?: number; env?: NodeJS.ProcessEnv }, ...args: readonly string[]) {
  return spawnSync(process.execPath, [PROGRAM, 'service', ...args], { encoding: 'utf8', ...options })
}
