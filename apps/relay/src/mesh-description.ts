import { type MeshId, type PublicKey, parsePublicKey } from '@weft/keys'
import * as z from 'zod'

/** What a relay elsewhere knows of its mesh. All of it is public. */
export interface MeshDescription {
  /** The fingerprint of the root key, by which members are verified. */
  readonly mesh: MeshId
  /** The coordinator may visit the relay. */
  readonly coordinatorKey: PublicKey<'coordinator'>
}

const schema = z.strictObject({
  version: z.literal(1),
  mesh: z
    .string()
    .regex(/^[0-9a-f]{32}$/)
    .transform((text) => text as MeshId),
  coordinatorKey: z.string().transform((text, context) => {
    const key = parsePublicKey('coordinator', text)
    if (key !== undefined) return key
    context.addIssue('a public key is expected')
    return z.NEVER
  }),
})

export function describeMesh({ mesh, coordinatorKey }: MeshDescription): string {
  return JSON.stringify({ version: 1, mesh, coordinatorKey })
}

/** `undefined` where the text is no description of this version. */
export function readMeshDescription(text: string): MeshDescription | undefined {
  try {
    const { mesh, coordinatorKey } = schema.parse(JSON.parse(text))
    return { mesh, coordinatorKey }
  } catch {
    return undefined
  }
}
