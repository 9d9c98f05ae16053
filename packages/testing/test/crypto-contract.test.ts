import { portableCrypto } from '@weft/keys'
import { cryptoContract } from '@weft/testing'

cryptoContract('portableCrypto', portableCrypto)
