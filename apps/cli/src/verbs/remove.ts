import { resolve } from 'node:path'
import type { RemovedDevice } from '../agent-answers.ts'
import { type AgentOptions, askCoordinator } from '../ask.ts'
import { nameText } from '../name-text.ts'
import { readRootText } from '../root-file.ts'
import { printJson, say } from '../terminal.ts'

interface RemoveOptions extends AgentOptions {
  readonly state?: string
  /** A root file. */
  readonly root?: string
  readonly json?: boolean
}

interface Told {
  readonly id: RemovedDevice['id']
  readonly name: string
  /** Base64. */
  readonly chain: string
}

export async function remove(peer: string, options: RemoveOptions): Promise<void> {
  const removed =
    options.root === undefined
      ? ((await askCoordinator(options, 'remove', { device: peer })) as RemovedDevice)
      : await removeByFile(resolve(options.root), peer, options)
  if (options.json) return printJson(removed)
  say(...removedLines(removed))
}

/** Signed here; the coordinator takes it out for the signature's sake. */
async function removeByFile(path: string, peer: string, options: RemoveOptions): Promise<RemovedDevice> {
  const { readRootFile, revokeDevice } = await import('@weft/identity')
  const { nativeCrypto: crypto } = await import('@weft/crypto')
  const { root } = readRootFile(readRootText(path), crypto)
  const { id, name, chain } = (await askCoordinator(options, 'device', { device: peer })) as Told
  const at = Math.floor(Date.now() / 1000)
  const revocation = revokeDevice(Uint8Array.fromBase64(chain), root, { crypto, at }).toBase64()
  await askCoordinator(options, 'revoke', { revocation })
  return { id, name, revoked: true }
}

/** A coordinator of before does not say whether it was revoked. */
export function removedLines({ name, revoked }: RemovedDevice): readonly string[] {
  const shown = nameText(name)
  if (revoked !== false) return [`${shown} is removed; it comes back with a new link only: weft link create`]
  return [
    `${shown} is removed`,
    `but not revoked, for the root key was moved: devices that do not hear this coordinator still talk to it; on the device that holds the root key, before weft restarts there: sudo weft remove ${name}, or with its file: sudo weft remove ${name} --root FILE`,
  ]
}
