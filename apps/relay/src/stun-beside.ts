import type { Clock } from '@weft/base'
import { ListenError } from './listening/index.ts'
import { StunServer } from './stun-server.ts'

const DEFAULT_PORT = 3478

/**
 * The STUN server beside a relay. `port` 0: none; absent: the usual one, and none where another program has it.
 * @throws {ListenError} where a port that was asked for is not to be had.
 */
export async function stunBeside(options: {
  readonly host: string
  readonly port: number | undefined
  readonly clock: Clock
}): Promise<StunServer | undefined> {
  const { host, port: wished, clock } = options
  const port = wished ?? DEFAULT_PORT
  if (port === 0) return undefined
  const attempt = (at: string) => StunServer.listen({ host: at, port, clock })
  try {
    // A machine without IPv6 has every IPv4 address instead.
    return await attempt(host).catch((error: unknown) =>
      host === '::' && codeOf(error) !== 'EADDRINUSE' ? attempt('0.0.0.0') : Promise.reject(error),
    )
  } catch (error) {
    if (wished === undefined) return undefined
    throw new ListenError(
      'listen-failed',
      `cannot answer STUN on UDP port ${port}: ${codeOf(error) ?? String(error)}; give another --stun-port N, or 0 for none`,
      error,
    )
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
