import { resolve } from 'node:path'
import type { AccountSigner, LinkPlace } from '@weft/identity'
import type { CreatedLink } from '../agent-answers.ts'
import { type AgentOptions, askCoordinator } from '../ask.ts'
import { readRootText } from '../root-file.ts'
import { note, print, printJson } from '../terminal.ts'

interface LinkCreateOptions extends AgentOptions {
  readonly reusable?: boolean
  /** In seconds. */
  readonly expires: number
  readonly tag: readonly string[]
  readonly state?: string
  /** A root file. */
  readonly root?: string
  readonly json?: boolean
}

/** Only the link goes to standard output, so that it can be piped into `weft up -`. */
export async function linkCreate(options: LinkCreateOptions): Promise<void> {
  const { reusable = false, expires, tag } = options
  const params = { reusable, expiresSeconds: expires, tags: tag }
  const created =
    options.root === undefined
      ? ((await askCoordinator(options, 'link-create', params)) as CreatedLink)
      : await createByFile(resolve(options.root), params, options)
  if (options.json) {
    const { id, link, reusable, expires } = created
    return printJson({ id, link, expires, reusable })
  }
  print(created.link)
  const whom = created.reusable ? 'any number of devices' : 'one device'
  note(`\nFor ${whom}, until ${minuteOf(created.expires)}: sudo weft up LINK`)
  note(`To take it back: weft link revoke ${created.id}`)
}

interface Told {
  readonly account: AccountSigner['id']
  readonly coordinatorKey: LinkPlace['coordinatorKey']
  readonly endpoints: readonly string[]
}

/** Made here: the coordinator gets the link's certificate, and never its seed. */
async function createByFile(
  path: string,
  wish: { readonly reusable: boolean; readonly expiresSeconds: number; readonly tags: readonly string[] },
  options: LinkCreateOptions,
): Promise<CreatedLink> {
  const { parseLinkEndpoint, readRootFile, signerIn, signLink } = await import('@weft/identity')
  const { nativeCrypto: crypto, systemRandom: random } = await import('@weft/crypto')
  const keys = readRootFile(readRootText(path), crypto)
  const { account, coordinatorKey, endpoints } = (await askCoordinator(options, 'link-place', {})) as Told
  const signer = signerIn(keys, account, crypto)
  const place: LinkPlace = {
    mesh: keys.mesh,
    coordinatorKey,
    endpoints: endpoints.flatMap((each) => parseLinkEndpoint(each) ?? []),
  }
  const at = Math.floor(Date.now() / 1000)
  const { text, certificate } = signLink(wish, signer, place, { crypto, random, at })
  const deposit = { certificate: certificate.toBase64(), reusable: wish.reusable }
  const deposited = (await askCoordinator(options, 'link-deposit', deposit)) as Omit<CreatedLink, 'link'>
  return { ...deposited, link: text }
}

/** `2030-01-01 00:00 UTC`, of ISO 8601. */
const minuteOf = (moment: string): string => `${moment.slice(0, 16).replace('T', ' ')} UTC`
