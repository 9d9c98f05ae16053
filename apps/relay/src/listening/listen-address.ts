import { lookup } from 'node:dns/promises'
import { type IpAddress, parseIp } from '@weft/base'
import { ListenError } from './listen-error.ts'

export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/** `[::]:7480`, `127.0.0.1:7480`. */
export function listenText({ host, port }: ListenAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/**
 * Has a server listen, by IPv4 alone where the machine has no IPv6; gives the address that it took.
 * @throws {ListenError}
 */
export async function listenOn(
  listen: ListenAddress,
  bind: (host: IpAddress, port: number) => Promise<void>,
): Promise<IpAddress> {
  const host = await resolveHost(listen)
  try {
    await bind(host, listen.port)
    return host
  } catch (error) {
    const other = withoutIpv6(host)
    if (other === undefined || !hasNoIpv6(error)) throw listenErrorOf(listen, error)
    await bind(other, listen.port).catch((reason: unknown) => {
      throw listenErrorOf(listen, reason)
    })
    return other
  }
}

/** The address of the host, which may be a name. @throws {ListenError} `listen-failed`. */
async function resolveHost(listen: ListenAddress): Promise<IpAddress> {
  const address = parseIp(listen.host)
  if (address !== undefined) return address
  const found = await lookup(listen.host).then(
    ({ address }) => parseIp(address),
    () => undefined,
  )
  if (found === undefined)
    throw new ListenError(
      'listen-failed',
      `cannot listen on ${listenText(listen)}: no address is known for ${listen.host}; give --listen HOST:PORT with an address of this machine`,
    )
  return found
}

/** Where a machine has no IPv6, every address is every IPv4 address. */
function withoutIpv6(host: IpAddress): IpAddress | undefined {
  return host === '::' ? parseIp('0.0.0.0') : undefined
}

function listenErrorOf(listen: ListenAddress, error: unknown): ListenError {
  const what = `cannot listen on ${listenText(listen)}`
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return new ListenError(
        'listen-busy',
        `${what}: another program (perhaps another weft serve) uses the port; stop it or give --listen HOST:PORT`,
        error,
      )
    case 'EACCES':
    case 'EPERM':
      return new ListenError(
        'listen-denied',
        `${what}: no permission for a port below 1024; run it as root, or give --listen HOST:PORT`,
        error,
      )
    case 'EADDRNOTAVAIL':
      return new ListenError(
        'listen-failed',
        `${what}: this machine has no such address; give --listen HOST:PORT with one of its own`,
        error,
      )
    default:
      return new ListenError(
        'listen-failed',
        `${what}: ${codeOf(error) ?? String(error)}; give --listen HOST:PORT`,
        error,
      )
  }
}

function hasNoIpv6(error: unknown): boolean {
  return codeOf(error) === 'EAFNOSUPPORT' || codeOf(error) === 'EADDRNOTAVAIL'
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
