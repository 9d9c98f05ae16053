import { accessSync, constants, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import type { ResolverFacts } from '@weft/dns'

/** Far above what any resolver reads. */
const MAX_BYTES = 256 * 1024

/** `undefined` where there is none. */
export function readResolvConf(path: string): ResolverFacts['resolvConf'] {
  try {
    const real = realpathSync(path)
    const text = readFileSync(real, 'utf8').slice(0, MAX_BYTES)
    return { text, path: real, isWritable: isWritable(real) }
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return undefined
    throw error
  }
}

/** In place: where something is mounted over the file, a rename would fail; and who watches the file keeps watching it. */
export function writeResolvConf(path: string, text: string): void {
  writeFileSync(path, text)
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}
