import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { isLongRun } from '@weft/testing'

const ROOT = resolve(import.meta.dirname, '../..')
const has = (program: string) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0
const skip = has('dpkg-deb') ? false : 'needs dpkg-deb'
const longSkip =
  skip ||
  (isLongRun() && process.getuid?.() === 0 && has('debootstrap')
    ? false
    : 'needs npm run test:long, root and debootstrap')

describe('the Debian package', { skip, timeout: 600_000 }, () => {
  let directory: string
  let first: string

  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'weft-package-test-'))
    first = build('0.0.1')
  })
  after(() => rmSync(directory, { recursive: true }))

  it('holds all that weft needs to run, and no test', () => {
    const root = join(directory, 'extracted')
    run('dpkg-deb', '-x', first, root)
    const home = join(root, 'usr/lib/weft')
    const [node = ''] = globSync('node_modules/node-linux-*/bin/node', { cwd: home })
    const main = join(home, 'apps/cli/src/main.ts')
    for (const verb of ['--version', 'agent --help', 'serve --help', 'service install server --print'])
      run('env', '-i', `HOME=${directory}`, join(home, node), main, ...verb.split(' '))
    assert.deepEqual(globSync('{packages,drivers,apps}/*/test', { cwd: home }), [])
    assert.equal(existsSync(join(home, 'node_modules/typescript')), false)
    for (const unit of ['weft-agent.service', 'weft-server.service', 'weft-relay.service'])
      assert.match(
        readFileSync(join(root, 'lib/systemd/system', unit), 'utf8'),
        /^ExecStart=\/usr\/lib\/weft\/node_modules\/node-linux-\w+\/bin\/node \/usr\/lib\/weft\/apps\/cli\/src\/main\.ts /m,
      )
    rmSync(root, { recursive: true })
  })

  it('installs, upgrades and removes cleanly on a fresh Debian', { skip: longSkip }, () => {
    const root = join(directory, 'debian')
    run('debootstrap', '--variant=minbase', '--include=libstdc++6,libatomic1', 'bookworm', root)
    const inside = (...command: readonly string[]) => run('chroot', root, ...command)
    inside('mkdir', '-p', '/var/lib/private', '/var/cache/private')
    const before = filesOf(root)
    for (const [version, file] of [
      ['0.0.1', first],
      ['0.0.2', build('0.0.2')],
    ] as const) {
      run('cp', file, join(root, 'weft.deb'))
      inside('dpkg', '-i', '/weft.deb')
      assert.match(inside('dpkg', '-s', 'weft'), new RegExp(`^Version: ${version}$`, 'm'))
      assert.match(inside('weft', '--version'), /^weft \d/)
      assert.match(inside('weft', 'service', 'install', 'agent', '--print'), /^ExecStart=\/usr\/lib\/weft\//m)
    }
    for (const service of ['weft', 'private/weft-server', 'private/weft-relay'])
      inside('sh', '-c', `mkdir -p /var/lib/${service} /var/cache/${service} && touch /var/lib/${service}/stored`)
    inside('sh', '-c', 'for name in server relay; do ln -s private/weft-$name /var/lib/weft-$name; done')
    inside('dpkg', '-r', 'weft')
    for (const service of ['weft', 'weft-server', 'weft-relay'])
      assert.ok(existsSync(join(root, 'var/lib', service, 'stored')), 'what is stored stays until it is purged')
    inside('dpkg', '-P', 'weft')
    rmSync(join(root, 'weft.deb'))
    assert.deepEqual(filesOf(root), before)
  })

  function build(version: string): string {
    const args = ['scripts/package.ts', '--output', directory, '--version', version, '--uncompressed']
    return run(process.execPath, ...args).trim()
  }
})

/** Without what dpkg itself writes of each package that was ever there. */
function filesOf(root: string): string {
  return run('find', root, '-xdev', '-not', '-path', `${root}/var/lib/dpkg/*`, '-not', '-path', `${root}/var/log/*`)
    .split('\n')
    .toSorted()
    .join('\n')
}

function run(command: string, ...args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  assert.equal(status, 0, `${command} ${args.join(' ')}: ${error?.message ?? stderr}`)
  return stdout
}
