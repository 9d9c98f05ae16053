import { type RunCommand, succeed } from './run-command.ts'
import type { SetupWay } from './setup-way.ts'

/** systemd-resolved, by link: only names of the mesh go to its resolver. What is told goes away with the interface. resolvectl(1) */
export function resolvedWay(run: RunCommand): SetupWay {
  return {
    apply: async ({ interfaceName, nameservers, searchDomain, reverseDomains }) => {
      const tell = (setting: string, ...values: readonly string[]) =>
        succeed(run, ['resolvectl', setting, interfaceName, ...values])
      await tell('dns', ...nameservers)
      await tell('domain', searchDomain, ...reverseDomains.map((domain) => `~${domain}`))
      await tell('default-route', 'no')
      // The mesh signs nothing, and its own interface has neither neighbours to ask nor multicast.
      await tell('dnssec', 'no')
      await tell('llmnr', 'no')
      await tell('mdns', 'no')
      await succeed(run, ['resolvectl', 'flush-caches'])
    },
    upstreams: async () => [],
    remove: async (interfaceName) => {
      await run(['resolvectl', 'revert', interfaceName])
    },
  }
}

export async function resolvedAnswers(run: RunCommand): Promise<boolean> {
  return (await run(['resolvectl', 'dns'])).code === 0
}
