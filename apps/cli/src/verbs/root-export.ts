import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { type AgentOptions, rootHolders } from '../ask.ts'
import { CliError, codeOf } from '../failure.ts'
import { readRootText } from '../root-file.ts'
import { printJson, say } from '../terminal.ts'

interface RootExportOptions extends AgentOptions {
  readonly state?: string
  readonly json?: boolean
}

type Holder = ReturnType<typeof rootHolders>[number]

/**
 * Moves the root key from the server, or from a device that holds it, into a file. It goes from there only once the file lies on
 * the disk and was read back whole, so that a move that was cut short is done again with the same file.
 */
export async function rootExport(file: string, options: RootExportOptions): Promise<void> {
  const path = resolve(file)
  const { holder, text } = await held(path, rootHolders(options))
  const { writeNewSecret } = await import('@weft/state')
  const { nativeCrypto: crypto } = await import('@weft/crypto')
  const { readRootFile } = await import('@weft/identity')
  if (text !== undefined && !existsSync(path)) writeNewSecret(path, text)
  const kept = readRootText(path)
  const { mesh } = readRootFile(kept, crypto)
  if (text !== undefined && kept !== text)
    throw new CliError('state-present', `${path} is there already, with other keys; name another file`)
  const digest = crypto.sha256(new TextEncoder().encode(kept)).toHex()
  if (text !== undefined) await holder.ask('root-forget', { digest })
  else if (mesh !== (await holder.mesh()))
    throw new CliError('not-found', `the root key was moved off ${holder.name} before, and ${path} is of another mesh`)
  if (options.json) return printJson({ file: path, mesh, from: holder.kind })
  say(...linesAfter(path, holder))
}

/** Whoever holds it, and the file's text; without text where the file is there and the key was moved before. */
async function held(
  path: string,
  holders: readonly Holder[],
): Promise<{ readonly holder: Holder; readonly text: string | undefined }> {
  const errors: { readonly holder: Holder; readonly error: unknown }[] = []
  for (const holder of holders)
    try {
      return { holder, text: ((await holder.ask('root-export', {})) as { readonly text: string }).text }
    } catch (error) {
      if (codeOf(error) !== 'not-found' && codeOf(error) !== 'not-running') throw error
      errors.push({ holder, error })
    }
  const moved = errors.find(({ error }) => codeOf(error) === 'not-found')
  if (moved !== undefined && existsSync(path)) return { holder: moved.holder, text: undefined }
  throw (moved ?? errors[0])?.error
}

function linesAfter(path: string, { kind, name }: Holder): readonly string[] {
  const common = [
    `The root key is in ${path}, and no more on ${name}.`,
    'Whoever has that file can let devices in, and without it nobody can: keep two copies, on no machine that runs weft serve.',
    'Links are made with it: weft link create --root FILE, or on a device that holds it: weft root import FILE.',
  ]
  if (kind === 'device') return common
  return [
    ...common,
    'Backups from before hold the key too, and whoever reads one can let devices in: make a new one, and destroy those.',
    'Restart weft serve, so that nothing of the key is left in its memory.',
  ]
}
