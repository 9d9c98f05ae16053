import { equalBytes, toHex, utf8 } from '@weft/base'
import { type AccountSigner, accountSigner, encodeRootFile, IdentityError, readRootFile } from '@weft/identity'
import type { AccountId, CryptoProvider, MeshId } from '@weft/keys'
import type { AccountRow } from '@weft/storage'
import { CoordinatorError } from './coordinator-error.ts'
import { Refusal } from './refusal.ts'
import type { SecretFiles } from './secret-files.ts'

export const ROOT_FILE = 'root'
const ACCOUNT_FILES = 'account-'

export const accountFile = (id: AccountId): string => `${ACCOUNT_FILES}${id}`

/**
 * The keys that let devices into the mesh, root and accounts: here, or moved to a root file that lies elsewhere.
 *
 * here → `text` → whoever asked keeps it → `forget`: the root key gives way to a mark that it was moved, in one write, then the
 * account keys go · moved → `take`: the account keys come back, then the root key in place of the mark. So at every moment
 * there is either the root key with all account keys, or the mark; what a start finds beside the mark was to go.
 */
export class MeshRoot {
  readonly #secrets: SecretFiles
  readonly #crypto: CryptoProvider
  readonly #signers: Map<AccountId, AccountSigner>

  private constructor(secrets: SecretFiles, crypto: CryptoProvider, signers: Map<AccountId, AccountSigner>) {
    this.#secrets = secrets
    this.#crypto = crypto
    this.#signers = signers
  }

  /** @throws {CoordinatorError} `keys-missing`, `keys-corrupt`. */
  static open(options: {
    readonly secrets: SecretFiles
    readonly accounts: readonly AccountRow[]
    readonly crypto: CryptoProvider
  }): MeshRoot {
    const { secrets, accounts, crypto } = options
    if (secrets.hasMoved(ROOT_FILE)) {
      secrets.erase(ACCOUNT_FILES)
      return new MeshRoot(secrets, crypto, new Map())
    }
    return new MeshRoot(secrets, crypto, readSigners(secrets, accounts, crypto))
  }

  get isHere(): boolean {
    return this.#signers.size > 0
  }

  /** @throws {Refusal} where the keys were moved. */
  signerOf(account: AccountId): AccountSigner {
    const signer = this.#signers.get(account)
    if (signer === undefined)
      throw new Refusal(
        'not-allowed',
        'the root key of this mesh was moved off its server: ask on a device that holds it, or give its file with --root FILE',
      )
    return signer
  }

  /** The root file. @throws {Refusal} where the keys were moved. */
  text(accounts: readonly AccountRow[]): string {
    const crypto = this.#crypto
    const root = this.#secrets.hasMoved(ROOT_FILE) ? undefined : this.#secrets.require('root', ROOT_FILE)
    if (root === undefined)
      throw new Refusal('not-found', 'the root key was moved off this server before; the file that it went to has it')
    return encodeRootFile(
      {
        root,
        accounts: accounts.map(({ id, name, certificate }) => ({ name, certificate, key: this.signerOf(id).key })),
      },
      crypto,
    )
  }

  /**
   * Moved for good, once whoever has the text shows its hash.
   * @param digest SHA-256 of the text, in hexadecimal. @throws {Refusal} where it is of another text.
   */
  forget(digest: string, accounts: readonly AccountRow[]): void {
    const text = this.text(accounts)
    if (!equalBytes(utf8(toHex(this.#crypto.sha256(utf8(text)))), utf8(digest)))
      throw new Refusal('not-allowed', 'the file does not hold what this server holds: export to a new file')
    this.#secrets.markMoved(ROOT_FILE)
    for (const { key } of this.#signers.values()) key.expose().fill(0)
    this.#signers.clear()
    this.#secrets.erase(ACCOUNT_FILES)
  }

  /** @throws {Refusal} where the file is none, is of another mesh, or lacks an account. */
  take(text: string, mesh: MeshId, accounts: readonly AccountRow[]): void {
    const keys = rootFileOf(text, this.#crypto)
    if (keys.mesh !== mesh)
      throw new Refusal('not-allowed', `this root file is of the mesh ${keys.mesh}, and this one is ${mesh}`)
    const found = accounts.map((account) => {
      const key = keys.accounts.find(({ certificate }) => equalBytes(certificate, account.certificate))?.key
      if (key === undefined) throw new Refusal('not-allowed', `this root file lacks the account ${account.name}`)
      return [account.id, accountSigner(account.certificate, key, this.#crypto)] as const
    })
    for (const [id, { key }] of found) this.#secrets.write(accountFile(id), key)
    this.#secrets.write(ROOT_FILE, keys.root)
    for (const [id, signer] of found) this.#signers.set(id, signer)
  }
}

function readSigners(
  secrets: SecretFiles,
  accounts: readonly AccountRow[],
  crypto: CryptoProvider,
): Map<AccountId, AccountSigner> {
  return new Map(
    accounts.map(({ id, certificate }) => {
      const key = secrets.require('account', accountFile(id))
      try {
        return [id, accountSigner(certificate, key, crypto)]
      } catch (error) {
        if (!(error instanceof IdentityError)) throw error
        throw new CoordinatorError(
          'keys-corrupt',
          `the key of account ${id} is not that of its certificate: restore keys and database from one backup`,
          error,
        )
      }
    }),
  )
}

function rootFileOf(text: string, crypto: CryptoProvider) {
  try {
    return readRootFile(text, crypto)
  } catch (error) {
    throw error instanceof IdentityError ? new Refusal('bad-request', error.message) : error
  }
}
