import assert from 'node:assert/strict'
import { utf8 } from '@weft/base'
import { fuzz, type Mutation, mutateText, type SeededRandom } from '@weft/testing'
import { ERRNO, RequestReader } from '../src/index.ts'
import { ConfiguredDevice } from './configured-device.ts'

const KEY = 'ab'.repeat(32)
const OTHER_KEY = `${'00'.repeat(31)}09`
const TAKEN = 666
const requests = [
  `set=1\nlisten_port=${TAKEN}\nfwmark=3\nreplace_peers=true\n\n`,
  'get=1\n\n',
  `set=1\nprivate_key=${KEY}\nlisten_port=51820\nfwmark=16\nreplace_peers=true\n\n`,
  `set=1\npublic_key=${OTHER_KEY}\npreshared_key=${KEY}\nendpoint=192.0.2.1:1\nallowed_ip=10.0.0.0/8\n\nget=1\n\n`,
  `set=1\npublic_key=${OTHER_KEY}\nendpoint=[2001:db8::1]:65535\npersistent_keepalive_interval=25\nprotocol_version=1\n\n`,
  `set=1\npublic_key=${KEY}\nreplace_allowed_ips=true\nallowed_ip=::/0\nallowed_ip=-10.0.0.0/8\n\n`,
  `set=1\npublic_key=${OTHER_KEY}\nremove=true\npublic_key=${KEY}\nupdate_only=true\n\nset=1\nfwmark=0\n\n`,
]

/** Most changes are of one line, or none would be read to its end. */
const mutateRequest: Mutation<string> = (valid, other, random) => {
  if (random.chance(0.3)) return mutateText(valid, other, random)
  const lines = valid.split('\n')
  const at = random.below(lines.length)
  lines[at] = mutateText(lines[at] ?? '', random.pick(other.split('\n')), random)
  return lines.join('\n')
}

fuzz({
  name: 'a device, by what a client of its socket sends,',
  mutate: mutateRequest,
  scene: (random) => {
    const device = new ConfiguredDevice()
    device.takenPorts.add(TAKEN)
    return { valid: requests, read: (text) => readAll(device, text, random) }
  },
  reaches: ['half', 'answered', 'EINVAL', 'EPROTO', 'EADDRINUSE', 'EPERM'],
  sources: [
    'wg-config/src/request-reader.ts',
    'wg-config/src/set-request.ts',
    'wg-config/src/wg-device.ts',
    'wg-config/src/device-text.ts',
  ],
  inputs: { long: 2_000_000 },
})

/** In pieces, as a socket may bring it; whatever is refused leaves the device as it was. */
function readAll(device: ConfiguredDevice, text: string, random: SeededRandom): string {
  const reader = new RequestReader()
  const bytes = utf8(text)
  const middle = random.below(bytes.length + 1)
  device.refusesMarks = random.chance(0.1)
  let outcome = 'half'
  for (const piece of [bytes.subarray(0, middle), bytes.subarray(middle)]) {
    reader.push(piece)
    for (let request = reader.next(); request !== undefined; request = reader.next()) {
      const before = device.get()
      device.answers.clear()
      device.tell({ kind: 'request', client: 1, request })
      const answer = device.answers.get(1) ?? ''
      assert.match(answer, /^([a-z_]+=[0-9a-z.:[\]/]+\n)*errno=-?\d+\n\n$/)
      const errno = Number(/errno=(-?\d+)\n\n$/.exec(answer)?.[1])
      if (errno !== 0) assert.equal(device.get(), before, 'nothing is half applied')
      outcome = errno === 0 ? 'answered' : nameOf(-errno)
    }
  }
  device.commands.length = 0
  return outcome
}

function nameOf(errno: number): string {
  const found = Object.entries(ERRNO).find(([, number]) => number === errno)
  assert.ok(found !== undefined, `errno ${errno}`)
  return found[0]
}
