/** What shows who a node is and that it belongs to a mesh: records, certificates, join links, addresses made of keys. */
export {
  type AccountSigner,
  accountSigner,
  createAccountCertificate,
  LINK_BACKDATED_SECONDS,
  type LinkPlace,
  type LinkWish,
  signLink,
} from './account-signer.ts'
export {
  type Certificate,
  type CertificateFields,
  type CertificateKind,
  type CertificateOf,
  createCertificate,
  isTag,
  MAX_CERTIFICATE_LENGTH,
  readCertificate,
} from './certificate.ts'
export {
  type ChainKeys,
  chainEnd,
  chainKeys,
  createDeviceCertificate,
  decodeChain,
  encodeChain,
  type LinkGrant,
  MAX_CHAIN_LENGTH,
  type VerifiedChain,
  verifyChain,
  verifyLinkCertificates,
} from './certificate-chain.ts'
export {
  CHANNEL_CERTIFICATE_LENGTH,
  type ChannelCertificate,
  createChannelCertificate,
  readChannelCertificate,
} from './channel-certificate.ts'
export { IdentityError, type IdentityErrorCode } from './identity-error.ts'
export { encodeLink, isLinkUrl, type JoinLink, type LinkEndpoint, parseLinkEndpoint, readLink } from './join-link.ts'
export { meshPrefix, meshPrefixOf, nodeAddress6 } from './mesh-address.ts'
export { generateNodeKeys, type NodeKeys } from './node-keys.ts'
export { createRecord, type NodeRecord, RECORD_LENGTH, readRecord, recordMayFollow } from './node-record.ts'
export {
  createRevocation,
  MAX_REVOCATION_LENGTH,
  MAX_REVOCATION_TEXT,
  type RevocableKey,
  type Revocation,
  type RevocationFields,
  type Revoker,
  readRevocation,
  revokeDevice,
} from './revocation.ts'
export { type Added, MAX_REVOCATIONS, RevocationList } from './revocation-list.ts'
export { encodeRootFile, MAX_ROOT_FILE_LENGTH, type RootKeys, readRootFile, signerIn } from './root-file.ts'
export { CLOCK_SKEW, type Validity, validityAt } from './validity.ts'
