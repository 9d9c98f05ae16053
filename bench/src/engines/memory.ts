import { randomBytes } from 'node:crypto'
import { privateMemory } from '../daemon.ts'
import { EnginePair, INSIDE } from './engine-pair.ts'
import type { Quantity } from './quantity.ts'
import { iperf } from './tcp.ts'

const PEERS = 1000
const LOAD_SECONDS = 1
const MEGABYTE = 1e6

/** Of a daemon that nobody else has pages of, after load: fresh ones each time, for memory that was taken is seldom given back. */
export const memoryQuantity: Quantity = {
  name: 'memory',
  dependsOnWire: false,
  measure: async ({ engine }, lab) => {
    using pair = await EnginePair.start(lab, `m${lab.machines.length}`, engine)
    const one = await afterLoad(pair)
    const { machine } = pair.alice
    const path = pair.alice.file(strangers(PEERS - 1))
    await machine.ok('wg', 'addconf', 'wg0', path)
    const many = await afterLoad(pair)
    return [
      { name: 'private memory after load, 1 peer', unit: 'MB', better: 'less', value: one / MEGABYTE },
      { name: `private memory after load, ${PEERS} peers`, unit: 'MB', better: 'less', value: many / MEGABYTE },
    ]
  },
}

async function afterLoad(pair: EnginePair): Promise<number> {
  await iperf(pair, INSIDE[4].bob, LOAD_SECONDS, ['--parallel', '4'])
  return privateMemory(pair.alice.process.pid)
}

/** Peers that nobody is, each with a prefix of both families. */
function strangers(count: number): string {
  return Array.from({ length: count }, (_, index) => {
    const [high, low] = [index >> 8, index & 0xff]
    const prefixes = `10.1.${high}.${low}/32, fd00:b::${index.toString(16)}/128`
    return `[Peer]\nPublicKey = ${randomBytes(32).toString('base64')}\nAllowedIPs = ${prefixes}`
  }).join('\n')
}
