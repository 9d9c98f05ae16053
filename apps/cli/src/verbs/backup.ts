import { resolve } from 'node:path'
import { callAt } from '../ask.ts'
import { codeOf } from '../failure.ts'
import { coordinatorSocket, stateDirectory } from '../places.ts'
import { note, printJson } from '../terminal.ts'

/** By the running `weft serve` of the state directory; without one, of what lies there. */
export async function backup(options: {
  readonly state?: string
  readonly backup: string
  readonly json?: boolean
}): Promise<void> {
  const state = stateDirectory(options.state)
  const file = resolve(options.backup)
  try {
    await callAt(coordinatorSocket(state), 'backup', { file })
  } catch (error) {
    if (codeOf(error) !== 'not-running') throw error
    const { backUpStopped } = await import('@weft/coordinator')
    await backUpStopped(state, file)
  }
  if (options.json) printJson({ backup: file })
  else
    note(
      `${file} holds the mesh and its keys: keep it as secret as ${state}. To restore it: weft serve --restore ${file}`,
    )
}
