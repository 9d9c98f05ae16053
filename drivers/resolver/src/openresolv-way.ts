import { resolvConfFor, searchedIn, upstreamsIn } from '@weft/dns'
import { type RunCommand, succeed } from './run-command.ts'
import type { SetupWay } from './setup-way.ts'

/** openresolv: an exclusive entry for the interface. resolvconf(8) */
export function openresolvWay(run: RunCommand): SetupWay {
  return {
    apply: async (wanted) => {
      const { interfaceName } = wanted
      const others = await entriesOfOthers(run, interfaceName)
      const search = [...new Set(others.flatMap((entry) => searchedIn(entry)))].join(' ')
      const entry = resolvConfFor(wanted, search === '' ? '' : `search ${search}`)
      await succeed(run, ['resolvconf', '-a', interfaceName, '-m', '0', '-x'], entry)
    },
    upstreams: async ({ interfaceName, nameservers }) =>
      upstreamsIn((await entriesOfOthers(run, interfaceName)).join('\n'), nameservers),
    remove: async (interfaceName) => {
      await run(['resolvconf', '-f', '-d', interfaceName])
    },
  }
}

export async function hasOpenresolv(run: RunCommand): Promise<boolean> {
  const { code, stdout } = await run(['resolvconf', '--version'])
  return code === 0 && stdout.includes('openresolv')
}

/** Each begins with its own line, `# resolv.conf from eth0`. */
async function entriesOfOthers(run: RunCommand, interfaceName: string): Promise<readonly string[]> {
  const listed = await succeed(run, ['resolvconf', '-l'])
  return listed
    .split(/^# resolv\.conf from /m)
    .slice(1)
    .filter((entry) => entry.split(/\s/, 1)[0] !== interfaceName)
}
