import { fromBase64, type IpAddress, type WallTime, wallTime } from '@weft/base'
import type { NetmapPeer } from '@weft/coordinator-protocol'
import {
  type ChainKeys,
  IdentityError,
  type NodeRecord,
  nodeAddress6,
  readRecord,
  type VerifiedChain,
  verifyChain,
} from '@weft/identity'
import type { AccountId, CryptoProvider, MeshId, NodeId, PublicKey } from '@weft/keys'
import type { KnownPeers } from './known-peers.ts'

/** What a peer's own signatures show, whatever the coordinator says. */
export interface VerifiedIdentity {
  readonly id: NodeId
  readonly nodeKey: PublicKey<'node'>
  readonly probeKey: PublicKey<'probe'>
  readonly account: AccountId
  /** All keys of the chain. */
  readonly keys: ChainKeys
  readonly address6: IpAddress
  readonly tags: readonly string[]
  /** Until when the chain holds. */
  readonly notAfter: WallTime
  /** The texts that were verified: as long as they stay the same, so does the rest. */
  readonly record: string
  readonly chain: string
}

/** Why a peer of the netmap gets no tunnel. Identity's own codes: the record or the chain itself does not hold. */
export type RefusalReason =
  | IdentityError['code']
  | 'not-base64'
  /** Record or chain are of another identity than the netmap says. */
  | 'identity-mismatch'
  /** A newer record of the identity is known. */
  | 'record-superseded'
  /** Another record with the same sequence number is known. */
  | 'record-forked'
  /** It claims to be this node: its identity, node key or address. */
  | 'is-self'
  | 'address-outside-range'
  | 'address-taken'
  /** Its address was seen with another device: the user has not agreed that it is this one's now. */
  | 'address-pinned'
  | 'node-key-taken'
  | 'too-many-peers'
  /** A key of its chain is no more to be trusted. */
  | 'revoked'

export type Verification =
  | { readonly kind: 'verified'; readonly identity: VerifiedIdentity }
  | { readonly kind: 'refused'; readonly reason: RefusalReason }

export interface VerificationContext {
  readonly mesh: MeshId
  readonly rootKey: PublicKey<'root'>
  readonly known: KnownPeers
  readonly at: WallTime
  readonly crypto: CryptoProvider
}

/** Verifies record and chain of a peer; a record that holds is remembered. Never throws for what a peer or coordinator sent. */
export function verifyPeer(claim: NetmapPeer, context: VerificationContext): Verification {
  const record = fromBase64(claim.record)
  const chain = fromBase64(claim.chain)
  if (record === undefined || chain === undefined) return refused('not-base64')
  try {
    return judge(claim, readRecord(record, context.crypto), verifyOf(chain, context), context)
  } catch (error) {
    if (error instanceof IdentityError) return refused(error.code)
    throw error
  }
}

function judge(
  claim: NetmapPeer,
  record: NodeRecord,
  chain: VerifiedChain,
  context: VerificationContext,
): Verification {
  if (chain.identityKey !== record.identityKey || chain.nodeId !== claim.id) return refused('identity-mismatch')
  const objection = context.known.objection(record)
  if (objection !== undefined) return refused(objection)
  context.known.remember(record)
  return {
    kind: 'verified',
    identity: {
      id: record.nodeId,
      nodeKey: record.nodeKey,
      probeKey: record.probeKey,
      account: chain.account,
      keys: chain,
      address6: nodeAddress6(context.rootKey, record.identityKey, context.crypto),
      tags: chain.tags,
      notAfter: wallTime(chain.notAfter * 1000),
      record: claim.record,
      chain: claim.chain,
    },
  }
}

function verifyOf(chain: Uint8Array, context: VerificationContext): VerifiedChain {
  return verifyChain({ chain, mesh: context.mesh, at: context.at, crypto: context.crypto })
}

const refused = (reason: RefusalReason): Verification => ({ kind: 'refused', reason })
