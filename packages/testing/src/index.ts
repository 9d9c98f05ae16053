/** What tests share: contracts that every implementation of an interface must pass. */
export { cryptoContract } from './crypto-contract.ts'
