import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'

/** The judge that conformance is tried against; another version is taken by changing it here. */
const WIREGUARD_GO = 'golang.zx2c4.com/wireguard@v0.0.20260522210424-ecfc5a8d5446'
const CACHE = join(import.meta.dirname, '../../.tool-cache/peers')
/** Of the Go that Debian has not in its PATH. */
const GO_PLACES = ['go', '/usr/local/go/bin/go', '/usr/lib/go/bin/go']
const BUILD_TIMEOUT_MS = 300_000

export type PeerProgram = { readonly path: string } | { readonly missing: string }

/** wireguard-go: from $PEERS_BIN where that is set, else built once into `.tool-cache/peers` where Go is there. */
export function wireguardGo(): PeerProgram {
  const given = process.env.PEERS_BIN
  if (given !== undefined) return find(given) ?? { missing: `there is no wireguard-go in PEERS_BIN=${given}` }
  return find(CACHE) ?? build()
}

/** `go install` names it after its module, distributions after the project. */
function find(directory: string): PeerProgram | undefined {
  const path = ['wireguard-go', 'wireguard'].map((name) => join(directory, name)).find((each) => existsSync(each))
  return path === undefined ? undefined : { path }
}

function build(): PeerProgram {
  const go = GO_PLACES.find((place) => spawnSync(place, ['version']).status === 0)
  if (go === undefined) return { missing: 'needs wireguard-go: install Go, or name its folder by PEERS_BIN' }
  mkdirSync(CACHE, { recursive: true })
  const { status, stderr } = spawnSync(go, ['install', WIREGUARD_GO], {
    env: { ...process.env, GOBIN: CACHE },
    encoding: 'utf8',
    timeout: BUILD_TIMEOUT_MS,
  })
  const built = status === 0 ? find(CACHE) : undefined
  return built ?? { missing: `wireguard-go could not be built: ${(stderr ?? '').trim().split('\n').at(-1)}` }
}
