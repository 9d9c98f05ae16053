import { resolvConfFor, upstreamsIn, withoutWeft } from '@weft/dns'
import type { KeptAside } from './kept-aside.ts'
import { readResolvConf, writeResolvConf } from './resolv-conf-file.ts'
import type { SetupWay } from './setup-way.ts'

/** `/etc/resolv.conf` itself, where nobody manages it: written in place, and what was there kept aside before. */
export function resolvConfWay(path: string, aside: KeptAside): SetupWay {
  const before = (): string => {
    const text = readResolvConf(path)?.text ?? ''
    const kept = aside.read()
    return kept?.way === 'resolv.conf' ? withoutWeft(text, kept) : text
  }
  return {
    apply: async (wanted) => {
      const original = before()
      const written = resolvConfFor(wanted, original)
      aside.keep({ way: 'resolv.conf', before: original, written })
      writeResolvConf(path, written)
    },
    upstreams: async ({ nameservers }) => upstreamsIn(before(), nameservers),
    remove: async () => {
      const found = readResolvConf(path)
      const original = before()
      if (found !== undefined && found.text !== original) writeResolvConf(path, original)
      aside.forget()
    },
  }
}
