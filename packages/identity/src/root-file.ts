import { fromBase64, invariant, toBase64, toHex, utf8 } from '@weft/base'
import { type AccountId, type CryptoProvider, type MeshId, meshIdOf, PRIVATE_KEY_LENGTH, PrivateKey } from '@weft/keys'
import { type AccountSigner, accountSigner } from './account-signer.ts'
import { readCertificate } from './certificate.ts'
import { IdentityError } from './identity-error.ts'

/**
 * The keys that let devices into a mesh, as a file to be kept elsewhere than on its server: text of lines, each ended
 * by a line feed. docs/protocols/root-file.md
 *
 *     weft root file 1
 *     mesh MESH-ID
 *     root KEY
 *     account KEY CERTIFICATE NAME      one line for each, 1 to 1,000; keys and certificates in base64
 *     sum CHECKSUM                      the first 4 bytes of SHA-256 over all lines before, in hexadecimal
 *
 * Anything else is refused. The file has one form, and is the secret itself.
 */
export interface RootKeys {
  readonly root: PrivateKey<'root'>
  /** The mesh's first account first. */
  readonly accounts: readonly RootAccount[]
}

interface RootAccount {
  readonly name: string
  readonly key: PrivateKey<'account'>
  readonly certificate: Uint8Array
}

const TITLE = 'weft root file '
const FORMAT = 1
const MAX_ACCOUNTS = 1_000
const MAX_NAME_LENGTH = 255
/** Longer than any file of this format, with room for formats to come. */
export const MAX_ROOT_FILE_LENGTH = 2 ** 20
const CHECKSUM_LENGTH = 4
const LINES = /^mesh ([0-9a-f]{32})\nroot ([\w+/=]+)\n((?:account .+\n)+)$/
const ACCOUNT = /^account ([\w+/=]+) ([\w+/=]+) ([^\p{Cc}\p{Zl}\p{Zp}]+)$/u

export function encodeRootFile({ root, accounts }: RootKeys, crypto: CryptoProvider): string {
  invariant(accounts.length >= 1 && accounts.length <= MAX_ACCOUNTS, `a root file has 1 to ${MAX_ACCOUNTS} accounts`)
  const lines = [
    `${TITLE}${FORMAT}`,
    `mesh ${meshIdOf(root.publicKey(crypto), crypto)}`,
    `root ${toBase64(root.expose())}`,
    ...accounts.map(
      ({ name, key, certificate }) => `account ${toBase64(key.expose())} ${toBase64(certificate)} ${name}`,
    ),
  ]
  const content = lines.map((line) => `${line}\n`).join('')
  return `${content}sum ${checksum(content, crypto)}\n`
}

/**
 * The keys, and the mesh that they are of: every key is held against what it signed.
 * Throws `IdentityError` `root-file-malformed`, `root-file-damaged` or `root-file-newer`.
 */
export function readRootFile(text: string, crypto: CryptoProvider): RootKeys & { readonly mesh: MeshId } {
  const [, mesh = '', rootText = '', accountLines = ''] = LINES.exec(contentOf(text, crypto)) ?? []
  const root = keyOf('root', rootText)
  if (meshIdOf(root.publicKey(crypto), crypto) !== mesh) throw damaged('its root key is not that of its mesh')
  const accounts = accountLines
    .slice(0, -1)
    .split('\n')
    .map((line) => readAccount(line, root, crypto))
  const names = new Set(accounts.map(({ name }) => name))
  const keys = new Set(accounts.map(({ key }) => key.publicKey(crypto)))
  if (accounts.length > MAX_ACCOUNTS) throw damaged(`it has more than ${MAX_ACCOUNTS} accounts`)
  if (names.size < accounts.length || keys.size < accounts.length) throw damaged('an account is in it twice')
  return { mesh: mesh as MeshId, root, accounts }
}

/** Throws `IdentityError` `root-file-foreign` where the account is not in it. */
export function signerIn(
  { mesh, accounts }: RootKeys & { readonly mesh: MeshId },
  id: AccountId,
  crypto: CryptoProvider,
): AccountSigner {
  const signer = accounts
    .map(({ certificate, key }) => accountSigner(certificate, key, crypto))
    .find((each) => each.id === id)
  if (signer === undefined)
    throw new IdentityError(
      'root-file-foreign',
      `this root file is of the mesh ${mesh.slice(0, 8)} and lacks the account that asks: use that of its own mesh`,
    )
  return signer
}

/** The lines between the title and the checksum. */
function contentOf(text: string, crypto: CryptoProvider): string {
  const format = text.length > MAX_ROOT_FILE_LENGTH ? undefined : /^weft root file ([1-9]\d{0,2})\n/.exec(text)
  if (!format)
    throw new IdentityError(
      'root-file-malformed',
      `this is no root file: one begins with "${TITLE}${FORMAT}"; make one with: weft root export FILE`,
    )
  if (Number(format[1]) > FORMAT)
    throw new IdentityError(
      'root-file-newer',
      `this root file is of format ${Number(format[1])}, and this weft knows ${FORMAT}: update weft on this machine`,
    )
  const end = text.lastIndexOf('\nsum ') + 1
  const content = text.slice(0, end)
  if (text.slice(end) !== `sum ${checksum(content, crypto)}\n`) throw damaged('its checksum does not hold')
  return content.slice(format[0].length)
}

function readAccount(line: string, root: PrivateKey<'root'>, crypto: CryptoProvider): RootAccount {
  const [, keyText = '', certificateText = '', name = ''] = ACCOUNT.exec(line) ?? []
  if (name === '' || name.length > MAX_NAME_LENGTH || name !== name.trim()) throw damaged('an account in it is none')
  const key = keyOf('account', keyText)
  const certificate = fromBase64(certificateText)
  if (certificate === undefined) throw damaged('an account in it is none')
  const { kind, issuer, subject, tags } = readCertificate(certificate, crypto)
  const isOfRoot = kind === 'account' && tags.length === 0 && (issuer as string) === root.publicKey(crypto)
  if (!isOfRoot || (subject as string) !== key.publicKey(crypto))
    throw damaged('an account in it is not one of its root key')
  return { name, key, certificate }
}

function keyOf<Role extends 'root' | 'account'>(role: Role, text: string): PrivateKey<Role> {
  const bytes = fromBase64(text)
  if (bytes?.length !== PRIVATE_KEY_LENGTH) throw damaged('a key in it is none')
  return new PrivateKey(role, bytes)
}

const checksum = (content: string, crypto: CryptoProvider): string =>
  toHex(crypto.sha256(utf8(content)).subarray(0, CHECKSUM_LENGTH))

function damaged(why: string): IdentityError {
  return new IdentityError('root-file-damaged', `this root file is damaged: ${why}; use another copy of it`)
}
