import { completionScripts, type Shell } from '../completion-scripts.ts'

export function completion(shell: Shell): void {
  process.stdout.write(completionScripts[shell])
}
