import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'

/** Other people's WireGuard in userspace: the judges of conformance, and what the bench compares with. */
export const PEERS = ['wireguard-go', 'boringtun', 'gotatun'] as const
export type PeerName = (typeof PEERS)[number]

export interface ReadyPeer {
  readonly path: string
  /** Before the interface's name: serve it in the foreground, and stay root, or the socket could not be taken away. */
  readonly flags: readonly string[]
}

export type PeerProgram = ReadyPeer | { readonly missing: string }

interface Program {
  /** What it is built from. Another version is taken by changing it here, and nowhere else. */
  readonly source:
    | { readonly from: 'go'; readonly module: string }
    | { readonly from: 'cargo'; readonly crate: string; readonly version: string }
  /** Of the program: as its build tool names it, or distributions. */
  readonly names: readonly string[]
  readonly flags: readonly string[]
}

type ProgramName = PeerName | 'derper'

const programs: Readonly<Record<ProgramName, Program>> = {
  'wireguard-go': {
    source: { from: 'go', module: 'golang.zx2c4.com/wireguard@v0.0.0-20260522210424-ecfc5a8d5446' },
    names: ['wireguard-go', 'wireguard'],
    flags: ['-f'],
  },
  boringtun: {
    source: { from: 'cargo', crate: 'boringtun-cli', version: '0.7.1' },
    names: ['boringtun-cli', 'boringtun'],
    flags: ['--foreground', '--disable-drop-privileges', '--verbosity', 'error'],
  },
  gotatun: {
    source: { from: 'cargo', crate: 'gotatun-cli', version: '0.10.2' },
    names: ['gotatun', 'gotatun-cli'],
    flags: ['--foreground', '--disable-drop-privileges', '--verbosity', 'error'],
  },
  derper: {
    source: { from: 'go', module: 'tailscale.com/cmd/derper@v1.102.5' },
    names: ['derper'],
    flags: [],
  },
}

/** Debian's packages: older, and taken where none can be built. */
const INSTALLED = '/usr/bin'
const CACHE = join(import.meta.dirname, '../../.tool-cache/peers')
const BUILD_TIMEOUT_MS = 900_000

/**
 * From $PEERS_BIN where that is set, else from `.tool-cache/peers` of the checkout, where it is built once.
 * @param options.mayBuild unless it takes minutes, which is true of what cargo builds: then only told how.
 */
export function peerProgram(name: ProgramName, options: { readonly mayBuild: boolean }): PeerProgram {
  const given = process.env.PEERS_BIN
  if (given !== undefined) return find(name, given) ?? { missing: `there is no ${name} in PEERS_BIN=${given}` }
  const cached = find(name, CACHE)
  if (cached !== undefined) return cached
  if (options.mayBuild) {
    const built = build(name)
    return 'missing' in built ? (find(name, INSTALLED) ?? built) : built
  }
  return { missing: `${name} is not built yet: run npm run test:long or npm run bench engines, or set PEERS_BIN` }
}

/** It is small and quickly built. */
export function wireguardGo(): PeerProgram {
  return peerProgram('wireguard-go', { mayBuild: true })
}

/** Tailscale's relay; it takes some minutes to build, once. */
export function derper(): PeerProgram {
  return peerProgram('derper', { mayBuild: true })
}

/** What was pinned, for a report. */
export function peerVersion(name: PeerName): string {
  if (process.env.PEERS_BIN !== undefined) return `from PEERS_BIN=${process.env.PEERS_BIN}`
  const { source } = programs[name]
  return source.from === 'go' ? source.module : `${source.crate}@${source.version}`
}

/** cargo puts programs into `bin` of its root. */
function find(name: ProgramName, directory: string): ReadyPeer | undefined {
  const { names, flags } = programs[name]
  const places = names.flatMap((each) => [join(directory, each), join(directory, 'bin', each)])
  const path = places.find((each) => existsSync(each))
  return path === undefined ? undefined : { path, flags }
}

function build(name: ProgramName): PeerProgram {
  const { source } = programs[name]
  const tool = toolPath(source.from)
  if (tool === undefined) return { missing: `needs ${name}: install ${source.from}, or name its folder by PEERS_BIN` }
  mkdirSync(CACHE, { recursive: true })
  console.error(`building ${name} for comparison (once)`)
  const args =
    source.from === 'go'
      ? ['install', source.module]
      : ['install', '--quiet', '--locked', '--root', CACHE, '--version', source.version, source.crate]
  const { status, stderr } = spawnSync(tool, args, {
    env: { ...process.env, GOBIN: CACHE },
    encoding: 'utf8',
    timeout: BUILD_TIMEOUT_MS,
  })
  const built = status === 0 ? find(name, CACHE) : undefined
  return built ?? { missing: `${name} could not be built: ${(stderr ?? '').trim().split('\n').at(-1)}` }
}

/** Often not in PATH. */
function toolPath(tool: 'go' | 'cargo'): string | undefined {
  const places = {
    go: ['go', '/usr/local/go/bin/go', '/usr/lib/go/bin/go'],
    cargo: ['cargo', join(process.env.HOME ?? '/root', '.cargo/bin/cargo'), '/usr/local/cargo/bin/cargo'],
  }
  const probe = { go: 'version', cargo: '--version' }
  return places[tool].find((place) => spawnSync(place, [probe[tool]]).status === 0)
}
