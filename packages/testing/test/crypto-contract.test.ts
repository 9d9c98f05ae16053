import { portableCrypto } from '@weft/keys/portable'
import { cryptoContract } from '@weft/testing'

cryptoContract('portableCrypto', portableCrypto)
