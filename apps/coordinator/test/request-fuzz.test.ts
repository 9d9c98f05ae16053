import assert from 'node:assert/strict'
import { type Endpoint, fromBase64, milliseconds, type Prefix, toBase64, utf8 } from '@weft/base'
import { MAX_MESSAGE_TO_COORDINATOR, type Method, type Params as MethodParams } from '@weft/coordinator-protocol'
import { nativeCrypto as crypto, systemRandom } from '@weft/crypto'
import { generateNodeKeys } from '@weft/identity'
import {
  type FuzzScene,
  fuzz,
  type Mutation,
  mutateBytes,
  mutateJson,
  mutateText,
  type SeededRandom,
} from '@weft/testing'
import { dumpDatabase } from './database-dump.ts'
import { TestCoordinator } from './test-coordinator.ts'
import { TestChannel, TestNode } from './test-node.ts'

const UNLIMITED = { burst: 1e9, perSecond: 1e9 }
const HOUR = milliseconds(3_600_000)
const options = {
  range: '100.80.0.0/18' as Prefix,
  limits: { frames: UNLIMITED, requests: UNLIMITED, registration: HOUR, silence: HOUR },
}
const SOURCES = [
  'coordinator/src/request-desk.ts',
  'coordinator/src/join.ts',
  'coordinator/src/bring-back.ts',
  'coordinator/src/publish.ts',
  'coordinator/src/mesh-links.ts',
  'coordinator/src/mesh-names.ts',
  'coordinator/src/link-deposit.ts',
  'coordinator/src/revoking.ts',
]

const request = <M extends Method>(method: M, params: MethodParams<M>) =>
  JSON.stringify({ type: 'request', id: 1, method, params })

/** What a node that knows all that is public of alice may ask. */
function requests(alice: TestNode, certificate: Uint8Array): readonly string[] {
  const record = toBase64(alice.record)
  const chain = toBase64(alice.chain ?? assert.fail())
  const { id, address4 = assert.fail(), name = assert.fail() } = alice
  return [
    request('open-link', { linkKey: alice.link.seed.publicKey(crypto) }),
    request('join', { record, certificate: toBase64(certificate), hostName: 'nas' }),
    request('subscribe', { node: id }),
    request('subscribe', { node: id, epoch: 'first', number: 3 }),
    request('bring-back', { record, chain, name, address4 }),
    request('publish', { endpoints: ['192.0.2.7:7481' as Endpoint, '[2001:db8::7]:1' as Endpoint], record }),
    request('publish', { endpoints: [] }),
    request('revoke', { revocations: [toBase64(certificate), chain] }),
    request('link-create', { reusable: false, expiresSeconds: 3600, tags: ['lab'] }),
    request('link-place', {}),
    request('link-deposit', { certificate: toBase64(certificate), reusable: true }),
    request('link-list', {}),
    request('link-revoke', { id: 'abc-123' }),
    request('rename', { device: name, name: 'nas' }),
    request('rename', { device: address4, name: 'Büro-PC' }),
    request('remove', { device: `${name}x` }),
    request('name-add', { name: 'git.weft', type: 'A', value: '192.0.2.9' }),
    request('name-add', { name: '_acme.www', type: 'TXT', value: 'any text: ü' }),
    request('name-add', { name: 'wiki', type: 'CNAME', value: 'git.weft' }),
    request('name-list', {}),
    request('name-remove', { name: 'git.weft', type: 'A' }),
    request('relay-list', {}),
    request('relay-remove', { relay: 'https://relay.example' }),
    '{"type":"ping"}',
  ]
}

/**
 * What is no request costs a channel, and is held against the schema elsewhere: here most are, most of them with one
 * parameter changed in its own form, so that what is behind the schema is reached.
 */
const mutateRequest: Mutation<string> = (valid, other, random) => {
  if (random.chance(0.02)) return mutateJson(valid, other, random)
  const { params = {}, ...rest } = JSON.parse(valid) as { params?: Params }
  const { params: donor = {} } = JSON.parse(other) as { params?: Params }
  const keys = Object.keys(params).filter((key) => typeof params[key] === 'string')
  if (keys.length === 0 || random.chance(0.3)) {
    const changed = mutateJson(JSON.stringify(params), JSON.stringify(donor), random)
    return JSON.stringify({ ...rest, params: parsed(changed) })
  }
  const key = random.pick(keys)
  return JSON.stringify({ ...rest, params: { ...params, [key]: alike(String(params[key]), donor, random) } })
}

type Params = Readonly<Record<string, unknown>>

function alike(value: string, donor: Params, random: SeededRandom): string {
  const bytes = value.length < 40 ? undefined : fromBase64(value)
  if (bytes !== undefined) return toBase64(mutateBytes(bytes, bytes, random))
  const others = Object.values(donor).filter((each) => typeof each === 'string')
  return random.chance(0.3) && others.length > 0 ? random.pick(others) : mutateText(value, value, random)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

async function withAlice() {
  const coordinator = await TestCoordinator.start(options)
  const alice = new TestNode(await coordinator.link(), 'alice')
  const channel = await alice.connect(coordinator.port)
  const certificate = await alice.certify(channel)
  await alice.joinWith(channel, certificate)
  await channel.close()
  return { coordinator, alice, certificate, url: `ws://127.0.0.1:${coordinator.port}/v1/channel` }
}

/** Asks through a channel that is open, and opens another where that one was closed. */
class Asker {
  readonly #open: () => Promise<TestChannel>
  #channel: TestChannel | undefined

  constructor(open: () => Promise<TestChannel>) {
    this.#open = open
  }

  async ask(text: string): Promise<string> {
    const channel = this.#channel ?? (await this.#open())
    this.#channel = channel
    if (utf8(text).length > MAX_MESSAGE_TO_COORDINATOR) return 'not to be sent'
    channel.texts.length = 0
    channel.say(text)
    const answerOf = () => channel.texts.find((each) => /^\{"type":"(answer|pong)"/.test(each))
    try {
      await channel.until(() => answerOf() !== undefined)
    } catch {
      this.#channel = undefined
    }
    const answer = answerOf()
    if (answer === undefined) return 'hung up on'
    const { type, error } = JSON.parse(answer) as { type: string; error?: { code: string; message: string } }
    assert.ok(error?.code !== 'failed', answer)
    return error?.code ?? (type === 'pong' ? type : 'done')
  }

  async close(): Promise<void> {
    await this.#channel?.close()
  }
}

const noErrors = ({ log }: TestCoordinator) =>
  assert.deepEqual(
    log.filter((line) => line.startsWith('error')),
    [],
  )

fuzz({
  name: 'what a stranger asks through a channel',
  mutate: mutateRequest,
  async scene(): Promise<FuzzScene<string>> {
    const { coordinator, alice, certificate, url } = await withAlice()
    const eve = new Asker(() => TestChannel.open(url, generateNodeKeys(systemRandom), alice.link.coordinatorKey))
    const before = dumpDatabase(coordinator.path)
    return {
      valid: [...requests(alice, certificate), request('relay-add', { places: ['https://relay.example'] })],
      read: (text) => eve.ask(text),
      async close() {
        assert.equal(dumpDatabase(coordinator.path), before, 'no row has changed')
        noErrors(coordinator)
        await eve.close()
        await coordinator[Symbol.asyncDispose]()
      },
    }
  },
  reaches: ['hung up on', 'bad-request', 'not-registered', 'record-refused', 'link-unknown'],
  sources: SOURCES,
  inputs: { short: 1_000, long: 50_000 },
})

fuzz({
  name: 'what a member asks of a coordinator',
  mutate: mutateRequest,
  async scene(): Promise<FuzzScene<string>> {
    const { coordinator, alice, certificate } = await withAlice()
    let mallory: TestNode | undefined
    const asker = new Asker(async () => {
      const channel = await mallory?.connect(coordinator.port)
      if (mallory !== undefined && channel !== undefined && (await isMember(mallory, channel))) return channel
      mallory = new TestNode(await coordinator.link(), 'mallory')
      return mallory.enter(coordinator.port)
    })
    return {
      valid: requests(alice, certificate),
      read: (text) => asker.ask(text),
      async close() {
        noErrors(coordinator)
        await asker.close()
        await coordinator.stop()
        await coordinator.start(options)
        const bob = new TestNode(await coordinator.link(), 'bob')
        const channel = await bob.enter(coordinator.port)
        assert.ok(channel.netmap !== undefined, 'it goes on with what was asked for')
        await channel.close()
        await coordinator[Symbol.asyncDispose]()
      },
    }
  },
  reaches: ['done', 'hung up on', 'bad-request', 'not-found', 'name-refused', 'record-refused', 'certificate-refused'],
  sources: SOURCES,
  inputs: { short: 1_000, long: 20_000 },
})

/** It may have removed itself. */
async function isMember(node: TestNode, channel: TestChannel): Promise<boolean> {
  try {
    await node.subscribe(channel)
    return true
  } catch {
    return false
  }
}
