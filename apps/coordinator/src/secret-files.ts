import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fromBase64, type Random, toBase64 } from '@weft/base'
import { type KeyRole, PRIVATE_KEY_LENGTH, PrivateKey } from '@weft/keys'
import { ensureDirectory, eraseSecret, replaceSecret, writeFileAtomic } from '@weft/state'
import { CoordinatorError } from './coordinator-error.ts'

/** Stands in the file of a key that was moved elsewhere: one that is lost is not taken for it. */
const MOVED = 'moved'
const KEY_FILE = /^[a-z0-9-]{1,64}\.key$/

type SecretRole = Exclude<KeyRole, 'kem'>

/** The coordinator's private keys: a file each, base64 in one line, 0600, in a directory of 0700. */
export class SecretFiles {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
    ensureDirectory(directory, 0o700)
  }

  /** @throws {CoordinatorError} `keys-corrupt`; the file is left as it is. */
  read<Role extends SecretRole>(role: Role, name: string): PrivateKey<Role> | undefined {
    const path = this.#path(name)
    const text = readText(path)
    if (text === undefined) return undefined
    const bytes = fromBase64(text.trimEnd())
    if (bytes?.length !== PRIVATE_KEY_LENGTH)
      throw new CoordinatorError('keys-corrupt', `${path} holds no key; it was left as it is: restore it from a backup`)
    return new PrivateKey(role, bytes)
  }

  /** @throws {CoordinatorError} `keys-missing`, `keys-corrupt`. */
  require<Role extends SecretRole>(role: Role, name: string): PrivateKey<Role> {
    const key = this.read(role, name)
    if (key === undefined)
      throw new CoordinatorError(
        'keys-missing',
        `${this.#path(name)} is missing, and the mesh in the database needs it: restore it from a backup`,
      )
    return key
  }

  write(name: string, key: PrivateKey<SecretRole>): void {
    writeFileAtomic(this.#path(name), `${toBase64(key.expose())}\n`, 0o600)
  }

  hasMoved(name: string): boolean {
    return readText(this.#path(name))?.trimEnd() === MOVED
  }

  /** From then on the key is not here. */
  markMoved(name: string): void {
    replaceSecret(this.#path(name), `${MOVED}\n`)
  }

  /** The keys whose names begin so. */
  erase(start: string): void {
    const files = readdirSync(this.#directory).filter((file) => KEY_FILE.test(file) && file.startsWith(start))
    for (const file of files) eraseSecret(join(this.#directory, file))
  }

  readOrGenerate<Role extends SecretRole>(role: Role, name: string, random: Random): PrivateKey<Role> {
    const found = this.read(role, name)
    if (found !== undefined) return found
    const key = PrivateKey.generate(role, random)
    this.write(name, key)
    return key
  }

  /** The text of every key file, by name. */
  readAll(): Readonly<Record<string, string>> {
    const files = readdirSync(this.#directory).filter((file) => KEY_FILE.test(file))
    return Object.fromEntries(files.map((file) => [file, readFileSync(join(this.#directory, file), 'utf8')]))
  }

  /** What is no name of a key file is left out. */
  writeAll(files: Readonly<Record<string, string>>): void {
    for (const [file, text] of Object.entries(files))
      if (KEY_FILE.test(file)) writeFileAtomic(join(this.#directory, file), text, 0o600)
  }

  #path(name: string): string {
    return join(this.#directory, `${name}.key`)
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw new CoordinatorError('keys-corrupt', `cannot read ${path}: check its owner and mode`, error)
  }
}
