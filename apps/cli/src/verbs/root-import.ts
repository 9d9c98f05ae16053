import { resolve } from 'node:path'
import { type AgentOptions, rootHolders } from '../ask.ts'
import { readRootText } from '../root-file.ts'
import { printJson, say } from '../terminal.ts'

interface RootImportOptions extends AgentOptions {
  readonly state?: string
  readonly json?: boolean
}

/** Puts the root key on this device, or back on the server: then links are made there without the file. */
export async function rootImport(file: string, options: RootImportOptions): Promise<void> {
  const text = readRootText(resolve(file))
  const holder = rootHolders(options).at(-1)
  await holder?.ask('root-import', { text })
  if (options.json) return printJson({ to: holder?.kind })
  say(
    `The root key is on ${holder?.name} now, and ${resolve(file)} is as it was: weft link create works there without it.`,
  )
  say('To move it off again: weft root export FILE')
}
