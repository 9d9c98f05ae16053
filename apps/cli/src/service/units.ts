import { assertNever } from '@weft/base'
import { RELAY_STATE, SERVER_STATE } from '../places.ts'

/** The systemd units of `weft service` and of the Debian package. systemd.exec(5), systemd.service(5) */
export type ServicePart = 'agent' | 'server' | 'relay'

export const unitName = (part: ServicePart): string => `weft-${part}.service`

/** @param program what runs weft, by absolute paths. @param options of `weft agent` or `weft serve`, as on a command line. */
export function unitText(part: ServicePart, program: readonly string[], options: readonly string[]): string {
  switch (part) {
    case 'agent':
      return agentUnit(program, options)
    case 'server':
      return publicUnit('server', {
        what: 'coordinator, relay and STUN of a mesh',
        command: [...program, 'serve', '--no-node', '--state', SERVER_STATE, ...options],
        note: "# It prints a join link at each start, which is nobody's who reads the journal; the log goes there all the same.\nStandardOutput=null\n",
      })
    case 'relay':
      return publicUnit('relay', {
        what: 'relay and STUN of a mesh',
        command: [...program, 'serve', '--only', 'relay', '--state', RELAY_STATE, ...options],
        note: '',
      })
    default:
      return assertNever(part)
  }
}

function agentUnit(program: readonly string[], options: readonly string[]): string {
  const command = [...program, 'agent', '--state', '/var/lib/weft', '--socket', '/run/weft/agent.sock', ...options]
  return `[Unit]
Description=weft: this device in its mesh
Wants=network.target
After=network.target dbus.service systemd-resolved.service NetworkManager.service

[Service]
ExecStart=${command.map(quoted).join(' ')}
${supervision}
StateDirectory=weft
StateDirectoryMode=0700
RuntimeDirectory=weft
CacheDirectory=weft
CacheDirectoryMode=0700

# Root, of which it keeps the right to make its interface and routes. /etc stays writable, for resolv.conf may be its to write.
CapabilityBoundingSet=CAP_NET_ADMIN
ProtectSystem=yes
DevicePolicy=closed
DeviceAllow=/dev/net/tun rw
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
${hardening}

[Install]
WantedBy=multi-user.target
`
}

/** Of what listens for others: a user of its own, without rights. */
function publicUnit(
  part: 'server' | 'relay',
  { what, command, note }: { readonly what: string; readonly command: readonly string[]; readonly note: string },
): string {
  const capability = wantsLowPort(command) ? 'CAP_NET_BIND_SERVICE' : ''
  return `[Unit]
Description=weft: ${what}
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=${command.map(quoted).join(' ')}
${note}${supervision}
DynamicUser=yes
User=weft-${part}
StateDirectory=weft-${part}
StateDirectoryMode=0700
CacheDirectory=weft-${part}
Environment=XDG_CACHE_HOME=/var/cache/weft-${part}

CapabilityBoundingSet=${capability}
AmbientCapabilities=${capability}
ProtectSystem=strict
PrivateDevices=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
${hardening}

[Install]
WantedBy=multi-user.target
`
}

const supervision = `Type=notify
NotifyAccess=main
WatchdogSec=30
Restart=on-failure
RestartSec=2
TimeoutStartSec=90
TimeoutStopSec=30`

/** Not MemoryDenyWriteExecute: Node.js compiles as it runs. */
const hardening = `NoNewPrivileges=yes
ProtectHome=read-only
PrivateTmp=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
ProtectProc=invisible
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
UMask=0077`

function wantsLowPort(options: readonly string[]): boolean {
  return options.some((option, i) => {
    const value = /^--(?:listen|stun-port)$/.test(options[i - 1] ?? '')
      ? option
      : /^--(?:listen|stun-port)=(.*)/.exec(option)?.[1]
    const port = Number(/(\d+)$/.exec(value ?? '')?.[1] ?? 0)
    return port > 0 && port < 1024
  })
}

/** As systemd reads a command line: `%` and `$` stand for more there. systemd.service(5), "Command lines" */
function quoted(word: string): string {
  const escaped = word.replaceAll('%', '%%').replaceAll('$', '$$$$')
  return /^[\w.:/@+=,[\]%$-]+$/.test(escaped) ? escaped : `"${escaped.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}
