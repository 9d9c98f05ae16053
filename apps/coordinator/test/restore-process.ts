/** Restores a backup in a process of its own, that can be killed: `node restore-process.ts DIR FILE`. */
import { restoreBackup } from '../src/index.ts'

await restoreBackup(process.argv[2] ?? '', process.argv[3] ?? '')
