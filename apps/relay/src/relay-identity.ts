import { join } from 'node:path'
import { randomBytes, toHex } from '@weft/base'
import { systemRandom } from '@weft/crypto'
import { KEY_ID_LENGTH, type MeshId, type NodeId } from '@weft/keys'
import { readStateFile, writeFileAtomic } from '@weft/state'
import * as z from 'zod'
import { RelayError } from './relay-error.ts'

const FILE = 'relay.json'
const VERSION = 1

const id = z.string().regex(/^[0-9a-f]{32}$/)
const schema = z.strictObject({
  version: z.literal(VERSION),
  id: id.transform((text) => text as NodeId),
  mesh: id.transform((text) => text as MeshId),
})

/**
 * How the relay of this state directory is called: made at its first start, and the same from then on.
 * @throws {RelayError} `mesh-differs`. @throws {StateError}
 */
export function relayIdentity(directory: string, mesh: MeshId): NodeId {
  const path = join(directory, FILE)
  const known = readStateFile(path, schema, VERSION)
  if (known !== undefined && known.mesh !== mesh)
    throw new RelayError(
      'mesh-differs',
      `${directory} is of a relay of mesh ${known.mesh.slice(0, 8)}, not of ${mesh.slice(0, 8)}: choose another --state DIR, or remove ${path}`,
    )
  if (known !== undefined) return known.id
  const made = toHex(randomBytes(systemRandom, KEY_ID_LENGTH)) as NodeId
  writeFileAtomic(path, `${JSON.stringify({ version: VERSION, id: made, mesh })}\n`, 0o600)
  return made
}
