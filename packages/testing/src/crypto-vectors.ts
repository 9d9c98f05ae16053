/** RFC 7748 §5.2 (two vectors) and §6.1 (both sides of one agreement). */
export const agreements: readonly {
  readonly privateKey: string
  readonly publicKey: string
  readonly secret: string
  readonly ownPublicKey?: string
}[] = [
  {
    privateKey: 'a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4',
    publicKey: 'e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c',
    secret: 'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552',
  },
  {
    privateKey: '4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d',
    publicKey: 'e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493',
    secret: '95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957',
  },
  {
    privateKey: '77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a',
    publicKey: 'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f',
    secret: '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742',
    ownPublicKey: '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a',
  },
  {
    privateKey: '5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb',
    publicKey: '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a',
    secret: '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742',
    ownPublicKey: 'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f',
  },
]

/** The u-coordinates of small order on Curve25519, of https://cr.yp.to/ecdh.html#validate, and 0 with its ignored bit set. */
export const smallOrderMontgomery: readonly string[] = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000080',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
]

/** The points of small order on edwards25519, and other encodings of them: Chalkias et al., Taming the many EdDSAs, table 1. */
export const smallOrderEdwards: readonly string[] = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000080',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000080',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
]

interface SignatureVector {
  readonly seed: string
  readonly publicKey: string
  readonly message: string
  readonly signature: string
}

/** RFC 8032 §7.1, tests 1 to 3. */
export const signatures: readonly [SignatureVector, ...SignatureVector[]] = [
  {
    seed: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    publicKey: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    message: '',
    signature: `e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155
                5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b`,
  },
  {
    seed: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    publicKey: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    message: '72',
    signature: `92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da
                085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00`,
  },
  {
    seed: 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    publicKey: 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    message: 'af82',
    signature: `6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac
                18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a`,
  },
]

/** Computed with Python 3.11's hashlib and hmac, which carry the BLAKE2 reference implementation; key and data are 0, 1, 2, …. */
export const keyedHashes: readonly {
  readonly mac: 'blake2sMac' | 'hmacBlake2s'
  readonly key: number
  readonly data: number
  readonly expected: string
}[] = [
  { mac: 'blake2sMac', key: 32, data: 255, expected: 'cd075928ab7e6883e697fe7fd3ac43ee' },
  { mac: 'blake2sMac', key: 16, data: 0, expected: 'af4e5d3bb230e9ff9096ca6f7c501f76' },
  {
    mac: 'hmacBlake2s',
    key: 32,
    data: 255,
    expected: '9b73679035213d2d7000d8d61e7e2e12fcd284dad2237473759fc4d744568623',
  },
  {
    mac: 'hmacBlake2s',
    key: 100,
    data: 0,
    expected: '60c8ad712b1d426c37f4b615c6232c8a91904ab8685338e99b3e8ac9f0834c68',
  },
]

/** RFC 8439 §2.8.2 and appendix A.5; the ciphertext with its tag behind. */
export const aeads: readonly {
  readonly key: string
  readonly nonce: string
  readonly associatedData: string
  readonly plaintext: string
  readonly ciphertext: string
}[] = [
  {
    key: '808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f',
    nonce: '070000004041424344454647',
    associatedData: '50515253c0c1c2c3c4c5c6c7',
    plaintext:
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
    ciphertext: `d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6
                 3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36
                 92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc
                 3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691`,
  },
  {
    key: '1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0',
    nonce: '000000000102030405060708',
    associatedData: 'f33388860000000000004e91',
    plaintext:
      'Internet-Drafts are draft documents valid for a maximum of six months and may be updated, replaced, or obsoleted by other documents at any time. It is inappropriate to use Internet-Drafts as reference material or to cite them other than as /“work in progress./”',
    ciphertext: `64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb2
                 4c6cfc18755d43eea09ee94e382d26b0bdb7b73c321b0100d4f03b7f355894cf
                 332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c855
                 9797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4
                 b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523e
                 af4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a
                 0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a10
                 49e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29
                 a6ad5cb4022b02709beead9d67890cbb22392336fea1851f38`,
  },
]

/** draft-irtf-cfrg-xchacha-03 §A.3.1. */
export const xaead = {
  key: '808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f',
  nonce: '404142434445464748494a4b4c4d4e4f5051525354555657',
  associatedData: '50515253c0c1c2c3c4c5c6c7',
  plaintext:
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
  ciphertext: `bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb
               731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452
               2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9
               21f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49`,
}
