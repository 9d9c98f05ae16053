import type { Clock } from '@weft/base'
import type { RelayBeside } from '@weft/coordinator'
import type { StunServer } from '@weft/relay'
import type { ListenAddress } from './arguments.ts'
import { CliError, codeOf } from './failure.ts'
import { lineLogger } from './line-logger.ts'

const DEFAULT_STUN_PORT = 3478

/** The relay and the STUN server that run beside the coordinator of `weft serve`. */
export class RelayOfServe implements AsyncDisposable {
  readonly beside: RelayBeside
  readonly #stun: StunServer | undefined

  private constructor(beside: RelayBeside, stun: StunServer | undefined) {
    this.beside = beside
    this.#stun = stun
  }

  /**
   * `stunPort` 0: none; absent: the usual one, and none where another program has it.
   * @throws {CliError} where a port that was asked for is not to be had.
   */
  static async open(options: {
    readonly listen: ListenAddress
    readonly stunPort: number | undefined
    readonly clock: Clock
  }): Promise<RelayOfServe> {
    const { listen, stunPort, clock } = options
    const { RelayServer } = await import('@weft/relay')
    const logger = lineLogger('relay')
    const stun = stunPort === 0 ? undefined : await listenStun(listen.host, stunPort, clock)
    const beside: RelayBeside = {
      open: ({ mesh, id }) => {
        if (stun === undefined && stunPort !== 0)
          logger.warn('no STUN: the UDP port is in use, so devices behind NATs use the relay', {
            port: DEFAULT_STUN_PORT,
          })
        return new RelayServer({ mesh, id, clock, logger })
      },
      ...(stun === undefined ? {} : { stunPort: stun.port }),
    }
    return new RelayOfServe(beside, stun)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stun?.close()
  }
}

async function listenStun(host: string, wished: number | undefined, clock: Clock): Promise<StunServer | undefined> {
  const { StunServer } = await import('@weft/relay')
  const port = wished ?? DEFAULT_STUN_PORT
  const attempt = (at: string) => StunServer.listen({ host: at, port, clock })
  try {
    // A machine without IPv6 has every IPv4 address instead.
    return await attempt(host).catch((error: unknown) =>
      host === '::' && codeOf(error) !== 'EADDRINUSE' ? attempt('0.0.0.0') : Promise.reject(error),
    )
  } catch (error) {
    if (wished === undefined) return undefined
    throw new CliError(
      'stun-refused',
      `cannot answer STUN on UDP port ${port}: ${codeOf(error) ?? String(error)}; give another --stun-port N, or 0 for none`,
      error,
    )
  }
}
