/**
 * `npm run picture`: draws docs/at-work.svg from what the playground's machines really answer. Text only, so that a change of it
 * can be read.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildPlayground } from './build-playground.ts'
import { demonstrate } from './demonstration.ts'
import { Lab } from './lab.ts'
import { svgOf } from './terminal-svg.ts'

using lab = await Lab.create()
const { nodes, mesh } = await buildPlayground(lab, () => {})
const lines: string[] = []
await demonstrate(nodes, mesh, (line) => lines.push(line))
writeFileSync(join(import.meta.dirname, '../../docs/at-work.svg'), svgOf(lines))
