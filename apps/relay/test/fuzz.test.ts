import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nativeCrypto as crypto } from '@weft/crypto'
import { meshIdOf, PrivateKey } from '@weft/keys'
import { describeMesh, readMeshDescription } from '@weft/relay'
import { StateError } from '@weft/state'
import { fuzz, mutateJson, seededRandom } from '@weft/testing'
import { RelayError } from '../src/relay-error.ts'
import { relayIdentity } from '../src/relay-identity.ts'

const random = seededRandom(1)
const mesh = meshIdOf(PrivateKey.generate('root', random).publicKey(crypto), crypto)
const descriptions = [1, 2].map(() =>
  describeMesh({ mesh, coordinatorKey: PrivateKey.generate('coordinator', random).publicKey(crypto) }),
)

fuzz({
  name: 'what a relay elsewhere is told of its mesh',
  mutate: mutateJson,
  scene: () => ({
    valid: descriptions,
    read(text) {
      const description = readMeshDescription(text)
      if (description === undefined) return 'refused'
      assert.deepEqual(readMeshDescription(describeMesh(description)), description, 'what was read is read again')
      return 'read'
    },
  }),
  reaches: ['read', 'refused'],
  sources: ['relay/src/mesh-description.ts'],
})

fuzz({
  name: 'the state file of a relay',
  mutate: mutateJson,
  scene: () => {
    const directory = mkdtempSync(join(tmpdir(), 'weft-relay-'))
    const path = join(directory, 'relay.json')
    const id = relayIdentity(directory, mesh)
    const valid = [readFileSync(path, 'utf8')]
    return {
      valid,
      read(text) {
        writeFileSync(path, text)
        const found = relayIdentity(directory, mesh)
        assert.match(found, /^[0-9a-f]{32}$/)
        return found === id ? 'the same' : 'another'
      },
      close: async () => rmSync(directory, { recursive: true }),
    }
  },
  refusals: [RelayError, StateError],
  reaches: ['the same', 'state-corrupt', 'state-newer', 'mesh-differs'],
  sources: ['relay/src/relay-identity.ts'],
  inputs: { short: 1_000, long: 10_000 },
})
