import { fromBase64, toBase64 } from '@weft/base'
import { ControlError, type ControlMethod, controlMethod } from '@weft/control-socket'
import { places } from '@weft/coordinator-protocol'
import { type LinkEndpoint, MAX_CERTIFICATE_LENGTH, MAX_REVOCATION_TEXT, MAX_ROOT_FILE_LENGTH } from '@weft/identity'
import { StateError } from '@weft/state'
import { StorageError } from '@weft/storage'
import * as z from 'zod'
import type { Coordinator } from './coordinator.ts'
import { DEFAULT_LINK_SECONDS, type LinkWish, MAX_LINK_SECONDS } from './join-links.ts'
import type { MeshRelays } from './mesh-relays.ts'
import { naming } from './naming-requests.ts'
import { Refusal } from './refusal.ts'
import { createdLink, depositedLink, linkPlace, linkSummaries } from './request-desk.ts'

const MAX_TAGS = 16
const MAX_PATH = 4096

const nothing = z.strictObject({}).optional()
const backupWish = z.strictObject({ file: z.string().startsWith('/').max(MAX_PATH) })
const linkId = z.strictObject({ id: z.string().min(1).max(64) })
const linkWish = z.strictObject({
  reusable: z.boolean().default(false),
  expiresSeconds: z.int().min(1).max(MAX_LINK_SECONDS).default(DEFAULT_LINK_SECONDS),
  tags: z
    .array(z.string().regex(/^[a-z0-9-]{1,32}$/, 'a tag is 1 to 32 of a-z, 0-9 and -'))
    .max(MAX_TAGS)
    .default([]),
})

const linkDeposit = z.strictObject({
  certificate: z
    .string()
    .max(2 * MAX_CERTIFICATE_LENGTH)
    .transform((text, context) => {
      const bytes = fromBase64(text)
      if (bytes !== undefined) return bytes
      context.addIssue('base64 is expected')
      return z.NEVER
    }),
  reusable: z.boolean(),
})
const rootDigest = z.strictObject({ digest: z.string().regex(/^[0-9a-f]{64}$/) })
const rootFile = z.strictObject({ text: z.string().max(MAX_ROOT_FILE_LENGTH) })

const someName = z.string().min(1).max(255)
const recordType = z.enum(['A', 'AAAA', 'CNAME', 'TXT'])
const renameParams = z.strictObject({ device: someName, name: someName })
const deviceParams = z.strictObject({ device: someName })
const revokeParams = z.strictObject({ revocation: z.string().max(MAX_REVOCATION_TEXT) })
const recordWish = z.strictObject({ name: someName, type: recordType, value: someName })
const recordChoice = z.strictObject({
  name: someName,
  type: z.exactOptional(recordType),
  value: z.exactOptional(someName),
})

const relayWish = z.strictObject({ places })
const relayChoice = z.strictObject({ relay: someName })

/** What whoever runs the coordinator asks it through its control socket: in the name of the first account. */
export function controlMethods(options: {
  readonly coordinator: Coordinator
  readonly relays: MeshRelays
  readonly endpoints: () => readonly LinkEndpoint[]
  readonly seconds: () => number
  readonly status: () => object
  readonly backUp: (file: string) => Promise<void>
}): Readonly<Record<string, ControlMethod>> {
  const { coordinator, relays, endpoints, seconds, status, backUp } = options
  const account = coordinator.firstAccount
  return {
    status: method(nothing, 'read', async () => status()),
    backup: method(backupWish, 'change', async ({ file }) => {
      await backUp(file)
      return {}
    }),
    'link-create': method(linkWish, 'change', async (asked) => {
      const wish: LinkWish = { ...asked, account, printedAtStart: false }
      return createdLink(await coordinator.links.create(wish, endpoints()))
    }),
    'link-place': method(nothing, 'read', async () => linkPlace(coordinator, account, endpoints())),
    'link-deposit': method(linkDeposit, 'change', async (wish) =>
      depositedLink(await coordinator.links.deposit({ ...wish, account })),
    ),
    'root-export': method(nothing, 'change', async () => ({ text: await coordinator.exportRoot() })),
    'root-forget': method(rootDigest, 'change', async ({ digest }) => {
      await coordinator.forgetRoot(digest)
      return {}
    }),
    'root-import': method(rootFile, 'change', async ({ text }) => {
      await coordinator.importRoot(text)
      return {}
    }),
    'link-list': method(nothing, 'read', async () => ({
      links: linkSummaries(await coordinator.links.list(account), seconds()),
    })),
    'link-revoke': method(linkId, 'change', async ({ id }) => {
      await coordinator.links.revoke(account, id)
      return {}
    }),
    rename: method(renameParams, 'change', (params) => naming(coordinator, account, { method: 'rename', params })),
    remove: method(deviceParams, 'change', (params) => naming(coordinator, account, { method: 'remove', params })),
    device: method(deviceParams, 'read', async ({ device }) => {
      const { id, name, chain } = await coordinator.device(account, device)
      return { id, name, chain: toBase64(chain) }
    }),
    revoke: method(revokeParams, 'change', async ({ revocation }) => {
      await coordinator.revoke([fromBase64(revocation) ?? new Uint8Array()])
      return {}
    }),
    'name-add': method(recordWish, 'change', (params) => naming(coordinator, account, { method: 'name-add', params })),
    'name-list': method(nothing, 'read', () => naming(coordinator, account, { method: 'name-list', params: {} })),
    'name-remove': method(recordChoice, 'change', (params) =>
      naming(coordinator, account, { method: 'name-remove', params }),
    ),
    'relay-add': method(relayWish, 'change', (params) => relays.add(account, params)),
    'relay-list': method(nothing, 'read', async () => relays.list()),
    'relay-remove': method(relayChoice, 'change', (params) => relays.remove(account, params)),
  }
}

function method<Params>(
  params: { parse(value: unknown): Params },
  access: 'read' | 'change',
  run: (params: Params) => Promise<unknown>,
): ControlMethod {
  return controlMethod<Params>({
    access,
    params,
    run: async (asked) => {
      try {
        return await run(asked)
      } catch (error) {
        throw error instanceof Refusal || error instanceof StorageError || error instanceof StateError
          ? new ControlError(error.code, error.message, error)
          : error
      }
    },
  }) as ControlMethod
}
