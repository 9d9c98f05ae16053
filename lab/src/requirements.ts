import { type TestContext, test } from 'node:test'
import { missing } from '@weft/testing/requirements'
import { Lab } from './lab.ts'

const DEFAULT_TIMEOUT_MS = 120_000

let known: string | false | undefined

/** Why a scenario cannot run on this machine, or `false`; looked up once. Throws instead where `CI=true`. */
export function skipReason(): string | false {
  known ??= missing(
    'root',
    '/dev/net/tun',
    'network namespaces',
    ...(['ip', 'nft', 'ping', 'curl', 'tcpdump', 'iperf3', 'unshare', 'setpriv', 'hostname', 'mount', 'wg'] as const),
  )
  return known
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
