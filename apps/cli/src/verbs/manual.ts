import type { Command } from 'commander'
import manifest from '../../package.json' with { type: 'json' }
import { manualPage } from '../manual-page.ts'

export function manual(program: Command): void {
  process.stdout.write(manualPage(program, manifest.version))
}
