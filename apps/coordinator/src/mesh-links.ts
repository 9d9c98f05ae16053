import { type Clock, invariant, type Random } from '@weft/base'
import type { LinkEndpoint } from '@weft/identity'
import type { AccountId, CryptoProvider, PublicKey } from '@weft/keys'
import type { LinkRow, StoreTransaction } from '@weft/storage'
import { secondsOf } from './join.ts'
import { createLink, type LinkWish, linkKeyHash, requireOpen } from './join-links.ts'
import { type DepositWish, depositLink } from './link-deposit.ts'
import type { MeshFiles } from './mesh-files.ts'
import { Refusal } from './refusal.ts'

interface Means {
  readonly files: MeshFiles
  /** By the coordinator's one writer. */
  readonly inTurn: <T>(work: (transaction: StoreTransaction) => Promise<T>) => Promise<T>
  readonly crypto: CryptoProvider
  readonly random: Random
  readonly clock: Clock
}

/** The join links of the mesh: made here, or handed in by whoever holds the account's key. */
export class MeshLinks {
  readonly #means: Means

  constructor(means: Means) {
    this.#means = means
  }

  /** The certificates that a join link's bearer needs; also for a device that was let in already, and lost the answer. */
  open(
    { channelKey }: { readonly channelKey: PublicKey<'channel'> },
    linkKey: PublicKey<'link'>,
  ): Promise<{ account: Uint8Array; link: Uint8Array }> {
    const { inTurn, crypto } = this.#means
    return inTurn(async (transaction) => {
      const link = await transaction.linkByKeyHash(linkKeyHash(linkKey, crypto))
      if (link === undefined)
        throw new Refusal('link-unknown', 'this coordinator does not know the join link: ask for a new one')
      const device = await transaction.deviceByChannelKey(channelKey)
      if (device === undefined || !(await transaction.hasUsedLink(link.id, device.id)))
        requireOpen(link, this.#seconds())
      const account = await transaction.account(link.accountId)
      invariant(account !== undefined, 'a link has its account')
      return { account: account.certificate, link: link.certificate }
    })
  }

  /** @throws {Refusal} `not-allowed` where the account's key was moved elsewhere. */
  create(wish: LinkWish, endpoints: readonly LinkEndpoint[]): Promise<{ row: LinkRow; text: string }> {
    const { files, inTurn, crypto, random } = this.#means
    return inTurn((transaction) =>
      createLink(transaction, wish, {
        place: { mesh: files.mesh.id, coordinatorKey: this.coordinatorKey, endpoints },
        signer: files.root.signerOf(wish.account),
        crypto,
        random,
        at: this.#seconds(),
      }),
    )
  }

  deposit(wish: DepositWish): Promise<LinkRow> {
    const { files, inTurn, crypto, random, clock } = this.#means
    return inTurn((transaction) =>
      depositLink(transaction, wish, { mesh: files.mesh.id, at: clock().wall, crypto, random }),
    )
  }

  list(account: AccountId): Promise<readonly LinkRow[]> {
    return this.#means.inTurn((transaction) => transaction.linksOf(account))
  }

  revoke(account: AccountId, id: string): Promise<void> {
    return this.#means.inTurn(async (transaction) => {
      const link = await transaction.link(id)
      if (link?.accountId !== account) throw new Refusal('not-found', `there is no join link ${id}: see link list`)
      if (link.revoked === undefined) await transaction.revokeLink(id, this.#seconds())
    })
  }

  /** Of every link. */
  get coordinatorKey(): PublicKey<'coordinator'> {
    const { files, crypto } = this.#means
    return files.coordinatorKey.publicKey(crypto)
  }

  #seconds(): number {
    return secondsOf(this.#means.clock().wall)
  }
}
