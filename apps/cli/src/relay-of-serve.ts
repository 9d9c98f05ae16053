import type { Clock } from '@weft/base'
import type { RelayBeside } from '@weft/coordinator'
import type { StunServer } from '@weft/relay'
import type { ListenAddress } from './arguments.ts'
import { lineLogger } from './line-logger.ts'

/** The relay and the STUN server that run beside the coordinator of `weft serve`. */
export class RelayOfServe implements AsyncDisposable {
  readonly beside: RelayBeside
  readonly #stun: StunServer | undefined

  private constructor(beside: RelayBeside, stun: StunServer | undefined) {
    this.beside = beside
    this.#stun = stun
  }

  /** `stunPort` as of `stunBeside`. @throws {ListenError} */
  static async open(options: {
    readonly listen: ListenAddress
    readonly stunPort: number | undefined
    readonly clock: Clock
  }): Promise<RelayOfServe> {
    const { listen, stunPort, clock } = options
    const { RelayServer, stunBeside } = await import('@weft/relay')
    const logger = lineLogger('relay')
    const stun = await stunBeside({ host: listen.host, port: stunPort, clock })
    const beside: RelayBeside = {
      open: ({ mesh, id }) => {
        if (stun === undefined && stunPort !== 0)
          logger.warn('no STUN: its UDP port is in use, so devices behind NATs use the relay')
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
