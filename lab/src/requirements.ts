import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { Lab } from './lab.ts'

/** What scenarios use of the system. `scripts/system-packages.txt` names the Debian packages. */
const tools = [
  'ip',
  'nft',
  'ping',
  'curl',
  'tcpdump',
  'iperf3',
  'unshare',
  'setpriv',
  'hostname',
  'mount',
  'wg',
] as const

const DEFAULT_TIMEOUT_MS = 120_000

let known: readonly string[] | undefined

/**
 * Why a scenario cannot run on this machine, or `false`.
 * @throws {Error} instead, where `CI=true`: there the set-up is to be complete.
 */
export function skipReason(): string | false {
  known ??= findMissing()
  if (known.length === 0) return false
  const reason = `needs ${known.join(', ')}: run npm test as root on Debian, or install scripts/system-packages.txt`
  if (process.env.CI === 'true') throw new Error(reason)
  return reason
}

/** A test with a lab of its own; what the machines said is shown when it fails. */
export function labTest(
  claim: string,
  run: (lab: Lab, context: TestContext) => Promise<void>,
  options: { readonly timeout?: number } = {},
): void {
  test(claim, { skip: skipReason(), timeout: options.timeout ?? DEFAULT_TIMEOUT_MS }, async (context) => {
    using lab = await Lab.create()
    await reporting(lab, () => run(lab, context))
  })
}

/** Adds to an error what the machines of the lab said last. */
export async function reporting<T>(lab: Lab, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    console.error(lab.report())
    throw error
  }
}

function findMissing(): readonly string[] {
  return [
    ...(process.getuid?.() === 0 ? canMakeNamespaces() : ['root']),
    ...tools.filter((tool) => spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0),
    ...(canOpen('/dev/net/tun') ? [] : ['/dev/net/tun']),
  ]
}

function canMakeNamespaces(): readonly string[] {
  const name = `weft-${process.pid}-0-try`
  const added = spawnSync('ip', ['netns', 'add', name]).status === 0
  if (added) spawnSync('ip', ['netns', 'delete', name])
  return added ? [] : ['the right to make network namespaces']
}

function canOpen(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK)
    return true
  } catch {
    return false
  }
}
