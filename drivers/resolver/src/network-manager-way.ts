import { setTimeout as pause } from 'node:timers/promises'
import { familyOf } from '@weft/base'
import { upstreamsIn } from '@weft/dns'
import { type RunCommand, succeed } from './run-command.ts'
import type { SetupWay } from './setup-way.ts'

/** Below zero: NetworkManager then names this device's nameservers alone. NetworkManager nm-settings(5), `dns-priority`. */
const ALONE = '-50'

/** In ms: NetworkManager takes notice of a new interface a little later. */
const NOTICED_WITHIN = 3_000
const LOOK_EVERY = 200
const ACTIVATED = /^100\b/

/**
 * NetworkManager, by device. It forgets all with the interface, and takes away the routes that it did not make itself: the agent
 * restores what its interface loses. nmcli(1)
 */
export function networkManagerWay(run: RunCommand): SetupWay {
  const modify = (interfaceName: string, settings: readonly string[]): [string, ...string[]] => [
    'nmcli',
    'device',
    'modify',
    interfaceName,
    ...settings,
  ]
  return {
    apply: async ({ interfaceName, addresses, nameservers, searchDomain }) => {
      await untilActivated(run, interfaceName)
      const search = [...new Set([searchDomain, ...(await searchedElsewhere(run))])].join(' ')
      const families = ([4, 6] as const).flatMap((family) => {
        const dns = nameservers.filter((address) => familyOf(address) === family).join(' ')
        // Where the machine does not speak the family, a nameserver there is refused together with all others.
        if (dns === '') return []
        // It may have found the interface before the kernel told it of IPv6, and would then refuse all and switch IPv6 off there.
        const own = addresses.filter((address) => familyOf(address) === family).join(',')
        const has = [`ipv${family}.method`, 'manual', `ipv${family}.addresses`, own]
        return [...has, ...settingsOf(family, dns, search, ALONE)]
      })
      await succeed(run, modify(interfaceName, families))
    },
    upstreams: async ({ nameservers }) => {
      const listed = await succeed(run, ['nmcli', '-g', 'IP4.DNS,IP6.DNS', '--escape', 'no', 'device', 'show'])
      return upstreamsIn(asNameservers(listed), nameservers)
    },
    remove: async (interfaceName) => {
      await run(modify(interfaceName, [...settingsOf(4, '', '', '0'), ...settingsOf(6, '', '', '0')]))
    },
  }
}

export async function networkManagerAnswers(run: RunCommand): Promise<boolean> {
  const { code, stdout } = await run(['nmcli', '-t', '-f', 'RUNNING', 'general'])
  return code === 0 && stdout.trim() === 'running'
}

/** Whether it looks after the interface now. */
export async function networkManagerHas(run: RunCommand, interfaceName: string): Promise<boolean> {
  return ACTIVATED.test(await deviceState(run, interfaceName))
}

/** @throws {Error} where NetworkManager leaves the interface alone. */
async function untilActivated(run: RunCommand, interfaceName: string): Promise<void> {
  for (let waited = 0; ; waited += LOOK_EVERY) {
    const state = await deviceState(run, interfaceName)
    if (ACTIVATED.test(state)) return
    if (waited >= NOTICED_WITHIN) throw new Error(`NetworkManager leaves ${interfaceName} alone: ${state.trim()}`)
    await pause(LOOK_EVERY)
  }
}

async function deviceState(run: RunCommand, interfaceName: string): Promise<string> {
  return (await run(['nmcli', '-g', 'GENERAL.STATE', 'device', 'show', interfaceName])).stdout
}

/** What a name without a dot is looked for in besides; an nmcli that does not know these fields tells of none. */
async function searchedElsewhere(run: RunCommand): Promise<readonly string[]> {
  const fields = 'IP4.DOMAIN,IP4.SEARCHES,IP6.DOMAIN,IP6.SEARCHES'
  const { code, stdout } = await run(['nmcli', '-g', fields, '--escape', 'no', 'device', 'show'])
  return code === 0 ? listedIn(stdout) : []
}

function settingsOf(family: 4 | 6, dns: string, search: string, priority: string): readonly string[] {
  return [`ipv${family}.dns`, dns, `ipv${family}.dns-search`, search, `ipv${family}.dns-priority`, priority]
}

function asNameservers(listed: string): string {
  return listedIn(listed)
    .map((address) => `nameserver ${address}`)
    .join('\n')
}

/** `192.0.2.1 | 192.0.2.2`, a line for each field of each device. */
const listedIn = (listed: string): readonly string[] => listed.split(/[\s|]+/).filter(Boolean)
