import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'

const recorded = JSON.parse(readFileSync(join(import.meta.dirname, 'fixtures', 'messages-version-1.json'), 'utf8'))

/** What a node of version 1 says, as the schema was then: fields, and which there must be. */
export const fromNodeVersion1 = z.fromJSONSchema(recorded.fromNode)
/** What a node of version 1 understands. */
export const fromCoordinatorVersion1 = z.fromJSONSchema(recorded.fromCoordinator)
