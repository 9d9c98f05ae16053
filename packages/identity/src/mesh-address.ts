import { concatBytes, fromHex, type IpAddress, invariant, ipFromBytes, type Prefix, prefixOf } from '@weft/base'
import { type CryptoProvider, type MeshId, meshIdOf, type PublicKey, publicKeyBytes } from '@weft/keys'

const PREFIX_BITS = 48
const PREFIX_HASH_BYTES = 5
const HOST_BYTES = 10

/** The /48 of a mesh, for whose every member it is the same: `fd` and 40 bits of SHA-256(root key). RFC 4193. */
export function meshPrefix(rootKey: PublicKey<'root'>, crypto: CryptoProvider): Prefix {
  return meshPrefixOf(meshIdOf(rootKey, crypto))
}

/** The same, of the mesh's id, which begins as that hash does. */
export function meshPrefixOf(mesh: MeshId): Prefix {
  const hash = fromHex(mesh)
  invariant(hash !== undefined, 'a mesh id is hexadecimal')
  const prefix = concatBytes(Uint8Array.of(0xfd), hash.subarray(0, PREFIX_HASH_BYTES))
  return prefixOf(ipFromBytes(concatBytes(prefix, new Uint8Array(HOST_BYTES))), PREFIX_BITS)
}

/** A node's IPv6 address: the mesh's /48 and 80 bits of SHA-256(identity key). */
export function nodeAddress6(
  rootKey: PublicKey<'root'>,
  identityKey: PublicKey<'identity'>,
  crypto: CryptoProvider,
): IpAddress {
  const host = crypto.sha256(publicKeyBytes(identityKey)).subarray(0, HOST_BYTES)
  return ipFromBytes(concatBytes(prefixBytes(rootKey, crypto), host))
}

function prefixBytes(rootKey: PublicKey<'root'>, crypto: CryptoProvider): Uint8Array {
  return concatBytes(Uint8Array.of(0xfd), crypto.sha256(publicKeyBytes(rootKey)).subarray(0, PREFIX_HASH_BYTES))
}
