/** Which way imports may point, and what pure code must not touch; each ban with its reason. */
import { globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

interface Workspace {
  readonly folder: string
  readonly layer: string
  readonly name: string
  readonly dependencies: readonly string[]
}

const layersBelow: Readonly<Record<string, readonly string[]>> = {
  packages: ['packages'],
  drivers: ['packages', 'drivers'],
  apps: ['packages', 'drivers', 'apps'],
  lab: ['packages', 'drivers', 'apps', 'lab'],
  bench: ['packages', 'drivers', 'apps', 'lab', 'bench'],
}

const protocols = [
  '@weft/wireguard',
  '@weft/coordinator-protocol',
  '@weft/relay-protocol',
  '@weft/traversal',
  '@weft/filter',
  '@weft/identity',
]
/** Records, certificates and links are what they speak of. */
const speaksOfIdentity = ['@weft/coordinator-protocol', '@weft/relay-protocol']

const bans: readonly { readonly from: string; readonly to: string; readonly reason: string }[] = [
  ...protocols.flatMap((from) =>
    protocols
      .filter((to) => to !== from && !(speaksOfIdentity.includes(from) && to === '@weft/identity'))
      .map((to) => ({ from, to, reason: 'protocols know nothing of each other; the node joins them' })),
  ),
  { from: '@weft/coordinator', to: '@weft/agent', reason: 'the coordinator holds no key of a device: two processes' },
  { from: '@weft/agent', to: '@weft/coordinator', reason: 'the coordinator holds no key of a device: two processes' },
]

const impure: readonly { readonly pattern: RegExp; readonly reason: string }[] = [
  { pattern: /\bMath\.random\b/, reason: 'randomness is told to packages: take a Random' },
  { pattern: /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b/, reason: 'packages are told the time: take a Now' },
]

/** One line for each import or use that is not allowed. */
export function layerFaults(): readonly string[] {
  const workspaces = readWorkspaces()
  const known = new Map(workspaces.map((workspace) => [workspace.name, workspace]))
  return workspaces.flatMap((workspace) => [
    ...directionFaults(workspace, known),
    ...sourcesOf(workspace).flatMap((file) => fileFaults(file, workspace)),
  ])
}

function readWorkspaces(): readonly Workspace[] {
  return globSync([
    'packages/*/package.json',
    'drivers/*/package.json',
    'apps/*/package.json',
    '{lab,bench}/package.json',
  ]).map((path) => {
    const description: { name: string; dependencies?: Record<string, string> } = JSON.parse(readFileSync(path, 'utf8'))
    const folder = dirname(path)
    return {
      folder,
      layer: folder.split('/')[0] ?? folder,
      name: description.name,
      dependencies: Object.keys(description.dependencies ?? {}).filter((name) => name.startsWith('@weft/')),
    }
  })
}

function directionFaults(workspace: Workspace, known: ReadonlyMap<string, Workspace>): readonly string[] {
  const faults: string[] = []
  for (const name of workspace.dependencies) {
    const target = known.get(name)
    if (target === undefined) faults.push(`${workspace.folder}: there is no ${name}`)
    else if (!layersBelow[workspace.layer]?.includes(target.layer)) {
      faults.push(
        `${workspace.folder} → ${target.folder}: imports point down only (packages ← drivers ← apps ← lab ← bench)`,
      )
    }
    const ban = bans.find((each) => each.from === workspace.name && each.to === name)
    if (ban !== undefined) faults.push(`${workspace.folder} → ${name}: ${ban.reason}`)
  }
  const circle = circleFrom(workspace, known)
  if (circle !== undefined) faults.push(`circle: ${circle.join(' → ')}`)
  return faults
}

function circleFrom(start: Workspace, known: ReadonlyMap<string, Workspace>): readonly string[] | undefined {
  const seen = new Set<string>()
  const walk = (name: string, way: readonly string[]): readonly string[] | undefined => {
    if (name === start.name && way.length > 0) return [...way, name]
    if (seen.has(name)) return undefined
    seen.add(name)
    for (const next of known.get(name)?.dependencies ?? []) {
      const circle = walk(next, [...way, name])
      if (circle !== undefined) return circle
    }
    return undefined
  }
  return walk(start.name, [])
}

const sourcesOf = (workspace: Workspace): readonly string[] => globSync(`${workspace.folder}/src/**/*.ts`)

function fileFaults(file: string, workspace: Workspace): readonly string[] {
  const text = readFileSync(file, 'utf8')
  const faults: string[] = []
  for (const [, specifier = ''] of text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)) {
    const name = /^@weft\/[^/]+/.exec(specifier)?.[0]
    if (name !== undefined && name !== workspace.name && !workspace.dependencies.includes(name)) {
      faults.push(`${file}: ${name} is not among the dependencies of ${workspace.folder}/package.json`)
    }
    if (specifier.startsWith('.') && !join(dirname(file), specifier).startsWith(`${workspace.folder}/`)) {
      faults.push(`${file}: ${specifier} leaves ${workspace.folder}: import the package by its name`)
    }
  }
  if (workspace.layer === 'packages') {
    for (const { pattern, reason } of impure) if (pattern.test(text)) faults.push(`${file}: ${reason}`)
  }
  return faults
}
