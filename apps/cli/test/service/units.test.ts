import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type ServicePart, unitName, unitText } from '../../src/service/units.ts'

const parts: readonly ServicePart[] = ['agent', 'server', 'relay']
const hasAnalyze = spawnSync('systemd-analyze', ['--version']).status === 0

for (const part of parts) {
  test(`systemd finds no fault in the unit of the ${part}, nor much that it is exposed by`, {
    skip: hasAnalyze ? false : 'needs systemd-analyze: install systemd',
  }, () => {
    const directory = mkdtempSync(join(tmpdir(), 'weft-unit-'))
    try {
      const path = join(directory, unitName(part))
      writeFileSync(
        path,
        unitText(part, ['/bin/true', '/bin/true'], ['--listen', '[::]:443'].slice(part === 'agent' ? 2 : 0)),
      )
      const verified = spawnSync('systemd-analyze', ['verify', '--man=no', path], { encoding: 'utf8' })
      const complaints = verified.stderr.split('\n').filter((line) => line.includes('weft'))
      assert.deepEqual([verified.status, complaints], [0, []])
      const rated = spawnSync('systemd-analyze', ['security', '--offline=yes', '--no-pager', '--threshold=50', path], {
        encoding: 'utf8',
      })
      assert.equal(rated.status, 0, rated.stdout)
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
}

test('a unit holds exactly the rights that its part needs', () => {
  const capabilities = (part: ServicePart, ...options: readonly string[]) =>
    [...unitText(part, ['/node', '/main.ts'], options).matchAll(/^CapabilityBoundingSet=(.*)$/gm)].map(
      (match) => match[1],
    )
  assert.deepEqual(capabilities('agent'), ['CAP_NET_ADMIN'])
  assert.deepEqual(capabilities('server'), [''])
  assert.deepEqual(capabilities('relay', '--mesh', '/etc/weft-mesh.json'), [''])
  assert.deepEqual(capabilities('relay', '--listen', '[::]:443'), ['CAP_NET_BIND_SERVICE'])
  assert.deepEqual(capabilities('server', '--listen', '[::]:443'), ['CAP_NET_BIND_SERVICE'])
  assert.deepEqual(capabilities('server', '--listen=0.0.0.0:8443'), [''])
})

test('what systemd would expand or split is quoted', () => {
  const command = /^ExecStart=(.*)$/m.exec(
    unitText('server', ['/opt/we ft/node', '/main.ts'], ['--public-url', 'https://a/%20$b']),
  )
  assert.equal(
    command?.[1],
    '"/opt/we ft/node" /main.ts serve --no-node --state /var/lib/weft-server --public-url https://a/%%20$$b',
  )
})
