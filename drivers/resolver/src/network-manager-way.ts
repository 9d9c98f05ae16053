import { familyOf, type IpAddress } from '@weft/base'
import { upstreamsIn } from '@weft/dns'
import { type RunCommand, succeed } from './run-command.ts'
import type { SetupWay } from './setup-way.ts'

/** Below zero: NetworkManager then names this device's nameservers alone. NetworkManager nm-settings(5), `dns-priority`. */
const ALONE = '-50'

/** NetworkManager, by device. It forgets all with the interface. nmcli(1) */
export function networkManagerWay(run: RunCommand): SetupWay {
  const modify = (interfaceName: string, settings: readonly (readonly [string, string])[]) =>
    succeed(run, ['nmcli', 'device', 'modify', interfaceName, ...settings.flat()])
  return {
    apply: async ({ interfaceName, nameservers, searchDomain }) => {
      const ofFamily = (family: 4 | 6) => nameservers.filter((address) => familyOf(address) === family).join(' ')
      await modify(interfaceName, [
        ...settingsOf('ipv4', ofFamily(4), searchDomain, ALONE),
        ...settingsOf('ipv6', ofFamily(6), searchDomain, ALONE),
      ])
    },
    upstreams: async ({ nameservers }) => {
      const listed = await succeed(run, ['nmcli', '-g', 'IP4.DNS,IP6.DNS', '--escape', 'no', 'device', 'show'])
      return upstreamsIn(asNameservers(listed), nameservers)
    },
    remove: async (interfaceName) => {
      await run([
        'nmcli',
        'device',
        'modify',
        interfaceName,
        ...[...settingsOf('ipv4', '', '', '0'), ...settingsOf('ipv6', '', '', '0')].flat(),
      ])
    },
  }
}

export async function networkManagerAnswers(run: RunCommand): Promise<boolean> {
  const { code, stdout } = await run(['nmcli', '-t', '-f', 'RUNNING', 'general'])
  return code === 0 && stdout.trim() === 'running'
}

function settingsOf(family: 'ipv4' | 'ipv6', dns: string, search: string, priority: string) {
  return [
    [`${family}.dns`, dns],
    [`${family}.dns-search`, search],
    [`${family}.dns-priority`, priority],
  ] as const
}

/** `192.0.2.1 | 192.0.2.2`, a line for each device. */
function asNameservers(listed: string): string {
  const addresses = listed.split(/[\s|]+/).filter(Boolean) as IpAddress[]
  return addresses.map((address) => `nameserver ${address}`).join('\n')
}
