import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { readStateFile, StateError, writeFileAtomic } from '@weft/state'
import { z } from 'zod'

const MAX_TEXT = 1 << 20

/** What has to be put back, also by the next start after a crash. */
const schema = z.discriminatedUnion('way', [
  z.strictObject({
    version: z.literal(1),
    way: z.literal('resolv.conf'),
    /** The whole of `/etc/resolv.conf` before, and as weft wrote it. */
    before: z.string().max(MAX_TEXT),
    written: z.string().max(MAX_TEXT),
  }),
  z.strictObject({
    version: z.literal(1),
    way: z.enum(['systemd-resolved', 'networkmanager', 'openresolv']),
    interfaceName: z.string().min(1).max(15),
  }),
])

type Kept = z.infer<typeof schema>
type WithoutVersion<T> = T extends unknown ? Omit<T, 'version'> : never

/** `name-service.json` in the state directory. */
export class KeptAside {
  readonly #path: string

  constructor(stateDirectory: string) {
    this.#path = join(stateDirectory, 'name-service.json')
  }

  /** A damaged file is moved aside: what it said to put back is lost, and the machine's own resolver stays as it is. */
  read(): Kept | undefined {
    try {
      return readStateFile(this.#path, schema)
    } catch (error) {
      if (error instanceof StateError && error.code === 'state-corrupt') return undefined
      throw error
    }
  }

  /** On disk when it returns. */
  keep(kept: WithoutVersion<Kept>): void {
    writeFileAtomic(this.#path, `${JSON.stringify({ version: 1, ...kept })}\n`)
  }

  forget(): void {
    rmSync(this.#path, { force: true })
  }
}
