import { fileURLToPath } from 'node:url'
import { cpuSeconds } from '../daemon.ts'
import { EnginePair, OUTSIDE, PORT } from './engine-pair.ts'
import type { Quantity } from './quantity.ts'

const CLIENTS = 1000
const SECONDS = 2
const PROGRAM = fileURLToPath(import.meta.resolve('./handshake-client.ts'))

interface Counted {
  readonly responses: number
  readonly cookies: number
  readonly seconds: number
}

/**
 * As the responder, of initiations of a thousand peers that come from one address, 16 at a time. Who limits an address answers
 * with cookies instead, which are not counted as handshakes.
 */
export const handshakeQuantity: Quantity = {
  name: 'handshakes',
  dependsOnWire: false,
  measure: async ({ engine }, lab) => {
    using pair = await EnginePair.start(lab, `h${lab.machines.length}`, engine)
    const { machine } = pair.alice
    const client = machine.spawn(process.execPath, PROGRAM, String(CLIENTS), String(SECONDS), OUTSIDE.bob, String(PORT))
    const [, keys = ''] = await client.line(/^clients (.*)$/)
    await pair.bob.machine.ok('wg', 'addconf', 'wg0', pair.bob.file(peers(keys.split(' '))))
    const before = cpuSeconds(pair.bob.process.pid)
    client.write(`${pair.bob.keys.publicKey}\n`)
    const [, text = ''] = await client.line(/^counted (.*)$/)
    const spent = cpuSeconds(pair.bob.process.pid) - before
    const { responses, cookies, seconds }: Counted = JSON.parse(text)
    return [
      { name: 'handshakes answered, one source', unit: '/s', better: 'more', value: responses / seconds },
      { name: 'cookie replies instead', unit: '/s', better: 'neither', value: cookies / seconds },
      {
        name: 'CPU for an answer of either kind',
        unit: 'ms',
        better: 'less',
        value: (spent * 1000) / (responses + cookies),
      },
    ]
  },
}

function peers(keys: readonly string[]): string {
  return keys.map((key) => `[Peer]\nPublicKey = ${key}`).join('\n')
}
