import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { assertNever } from '@weft/base'

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
    | { readonly from: 'go'; readonly module: string; readonly tags?: string }
    /** A program of the lab's own, of that folder, with a module of others. */
    | { readonly from: 'go-here'; readonly folder: string; readonly module: string }
    | { readonly from: 'cargo'; readonly crate: string; readonly version: string }
  /** Of the program: as its build tool names it, or distributions. */
  readonly names: readonly string[]
  readonly flags: readonly string[]
}

type ProgramName = PeerName | 'derper' | 'tailscaled' | 'tailscale-control'

const TAILSCALE = 'v1.102.5'

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
    source: { from: 'go', module: `tailscale.com/cmd/derper@${TAILSCALE}` },
    names: ['derper'],
    flags: [],
  },
  /** With `tailscale` in it. */
  tailscaled: {
    source: { from: 'go', module: `tailscale.com/cmd/tailscaled@${TAILSCALE}`, tags: 'ts_include_cli' },
    names: ['tailscaled'],
    flags: [],
  },
  'tailscale-control': {
    source: { from: 'go-here', folder: 'tailscale-control', module: `tailscale.com ${TAILSCALE}` },
    names: ['tailscale-control'],
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

export interface TailscalePrograms {
  readonly derper: string
  readonly tailscaled: string
  readonly control: string
}

/** All that two machines of Tailscale's need; some minutes to build, once. */
export function tailscalePrograms(): TailscalePrograms | { readonly missing: string } {
  const [relay, node, control] = [
    derper(),
    peerProgram('tailscaled', { mayBuild: true }),
    peerProgram('tailscale-control', { mayBuild: true }),
  ]
  if ('missing' in relay) return relay
  if ('missing' in node) return node
  if ('missing' in control) return control
  return { derper: relay.path, tailscaled: node.path, control: control.path }
}

/** What was pinned, for a report. */
export function peerVersion(name: PeerName): string {
  if (process.env.PEERS_BIN !== undefined) return `from PEERS_BIN=${process.env.PEERS_BIN}`
  const { source } = programs[name]
  return source.from === 'cargo' ? `${source.crate}@${source.version}` : source.module
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
  const language = source.from === 'cargo' ? 'cargo' : 'go'
  const tool = toolPath(language)
  if (tool === undefined) return { missing: `needs ${name}: install ${language}, or name its folder by PEERS_BIN` }
  mkdirSync(CACHE, { recursive: true })
  console.error(`building ${name} for comparison (once)`)
  const { status, stderr } = spawnSync(tool, installation(source), {
    env: { ...process.env, GOBIN: CACHE },
    encoding: 'utf8',
    timeout: BUILD_TIMEOUT_MS,
  })
  const built = status === 0 ? find(name, CACHE) : undefined
  return built ?? { missing: `${name} could not be built: ${(stderr ?? '').trim().split('\n').at(-1)}` }
}

/** The arguments of its build tool. */
function installation(source: Program['source']): readonly string[] {
  switch (source.from) {
    case 'go':
      return ['install', ...(source.tags === undefined ? [] : ['-tags', source.tags]), source.module]
    case 'go-here':
      return ['-C', goModule(source.folder, source.module), 'install', '-mod=mod', '.']
    case 'cargo':
      return ['install', '--quiet', '--locked', '--root', CACHE, '--version', source.version, source.crate]
    default:
      return assertNever(source)
  }
}

/** A copy of the folder with a go.mod that wants the module: Go then takes the versions of what that needs from its own. */
function goModule(folder: string, module: string): string {
  const directory = join(CACHE, 'source', folder)
  mkdirSync(directory, { recursive: true })
  cpSync(join(import.meta.dirname, '..', folder), directory, { recursive: true })
  writeFileSync(join(directory, 'go.mod'), `module weft/${folder}\n\ngo 1.26\n\nrequire ${module}\n`)
  return directory
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
