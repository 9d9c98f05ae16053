/**
 * `npm run package [-- --output DIR] [-- --version V] [-- --uncompressed]`: the Debian package of this checkout for this machine's architecture, with
 * Node.js and all that weft needs at run time in it.
 */
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type ServicePart, unitName, unitText } from '../apps/cli/src/service/units.ts'

interface LockedPackage {
  readonly dev?: boolean
  readonly link?: boolean
  readonly resolved?: string
}

const ROOT = resolve(import.meta.dirname, '..')
/** On the machine where it is installed. */
const HOME = 'usr/lib/weft'
const UNITS = 'lib/systemd/system'
const PARTS: readonly (readonly [part: ServicePart, options: readonly string[]])[] = [
  ['agent', []],
  ['server', []],
  ['relay', ['--mesh', '/etc/weft-mesh.json']],
]
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }

const { values } = parseArgs({
  options: {
    output: { type: 'string', default: ROOT },
    uncompressed: { type: 'boolean', default: false },
    version: { type: 'string' },
  },
})
const architecture = ARCHITECTURES[process.arch]
if (architecture === undefined) throw new Error(`there is no package for ${process.arch}: weft runs on x64 and arm64`)
const version = values.version ?? readJson<{ version: string }>('package.json').version
const staging = mkdtempSync(join(tmpdir(), 'weft-package-'))
try {
  copySources()
  copyModules()
  writeLauncher()
  writeUnits()
  writeControl(architecture)
  build(join(resolve(values.output), `weft_${version}_${architecture}.deb`))
} finally {
  rmSync(staging, { recursive: true })
}

function copySources(): void {
  const files = ['package.json', 'LICENSE', 'README.md']
  const folders = globSync('{packages,drivers,apps}/*/{src,package.json}', { cwd: ROOT })
  for (const path of [...files, ...folders]) {
    if (path.startsWith('packages/testing/')) continue
    cpSync(join(ROOT, path), join(staging, HOME, path), { recursive: true })
  }
}

/** What the lockfile wants at run time; of optional ones what is installed here. */
function copyModules(): void {
  const { packages } = readJson<{ packages: Readonly<Record<string, LockedPackage>> }>('package-lock.json')
  for (const [path, { dev, link, resolved }] of Object.entries(packages)) {
    if (!path.startsWith('node_modules/') || dev) continue
    const target = join(staging, HOME, path)
    if (link) {
      if (resolved === undefined || !existsSync(join(staging, HOME, resolved))) continue
      mkdirSync(dirname(target), { recursive: true })
      symlinkSync(join('../..', resolved), target)
    } else if (existsSync(join(ROOT, path)))
      cpSync(join(ROOT, path), target, { recursive: true, verbatimSymlinks: true })
  }
}

function programOf(): readonly [node: string, main: string] {
  return [`/${HOME}/node_modules/node-linux-${process.arch}/bin/node`, `/${HOME}/apps/cli/src/main.ts`]
}

function writeLauncher(): void {
  const [node, main] = programOf()
  if (!existsSync(join(staging, node))) throw new Error(`${node} is missing here: run npm ci, then try again`)
  write('usr/bin/weft', `#!/bin/sh\nexec ${node} ${main} "$@"\n`, 0o755)
}

function writeUnits(): void {
  for (const [part, options] of PARTS) write(join(UNITS, unitName(part)), unitText(part, programOf(), options), 0o644)
}

function writeControl(ofArchitecture: string): void {
  const units = PARTS.map(([part]) => unitName(part)).join(' ')
  const whereSystemdRuns = (work: string) => `if [ -d /run/systemd/system ]; then\n  ${work}\nfi\n`
  write(
    'DEBIAN/control',
    `Package: weft
Version: ${version}
Architecture: ${ofArchitecture}
Maintainer: The weft authors <weft@localhost>
Section: net
Priority: optional
Depends: libc6 (>= 2.28), libstdc++6, libatomic1
Recommends: systemd
Description: self-hosted mesh VPN
 Your devices, one private network: each has an address and a name, and every
 pair of them talks through an end-to-end encrypted WireGuard tunnel.
 Holds the Node.js that runs it.
`,
    0o644,
  )
  const restart = `systemctl daemon-reload\n  systemctl try-restart ${units}`
  write('DEBIAN/postinst', `#!/bin/sh\nset -e\n${whereSystemdRuns(restart)}`, 0o755)
  const stop = whereSystemdRuns(`systemctl stop ${units}`)
  const disable = `for unit in ${units}; do rm -f "/etc/systemd/system/multi-user.target.wants/$unit"; done`
  write('DEBIAN/prerm', `#!/bin/sh\nset -e\nif [ "$1" = remove ]; then\n${stop}${disable}\nfi\n`, 0o755)
  // Of a DynamicUser the first is a link to the second.
  const foldersBelow = (base: string) =>
    ['weft', 'weft-server', 'private/weft-server', 'weft-relay', 'private/weft-relay']
      .map((name) => join(base, name))
      .join(' ')
  write(
    'DEBIAN/postrm',
    `#!/bin/sh\nset -e\n${whereSystemdRuns('systemctl daemon-reload')}case $1 in\nremove) rm -rf ${foldersBelow('/var/cache')} ;;\npurge) rm -rf ${foldersBelow('/var/lib')} ;;\nesac\n`,
    0o755,
  )
}

function build(path: string): void {
  const compression = values.uncompressed ? ['-Znone'] : ['-Zxz', '-z2']
  const args = ['--root-owner-group', ...compression, '--build', staging, path]
  const { status, error, stderr } = spawnSync('dpkg-deb', args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`dpkg-deb could not build the package: ${error?.message ?? stderr.trim()}`)
  console.log(path)
}

function write(path: string, text: string, mode: number): void {
  mkdirSync(dirname(join(staging, path)), { recursive: true })
  writeFileSync(join(staging, path), text, { mode })
}

function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(join(ROOT, path), 'utf8'))
}
