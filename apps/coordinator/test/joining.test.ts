import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Prefix, toBase64, wallTime } from '@weft/base'
import { nativeCrypto as crypto, systemRandom as random } from '@weft/crypto'
import { createCertificate, createRecord, generateNodeKeys, readCertificate, verifyChain } from '@weft/identity'
import { PrivateKey } from '@weft/keys'
import { countRows, dumpDatabase } from './database-dump.ts'
import { TestCoordinator } from './test-coordinator.ts'
import { Refused, TestNode } from './test-node.ts'

const HOUR = 3_600_000

describe('a device', () => {
  it('joins with a link, and sees those who came before', async () => {
    await using coordinator = await TestCoordinator.start()
    const alice = new TestNode(await coordinator.link(), 'Alice.local')
    const bob = new TestNode(await coordinator.link(), 'Alice')
    const toAlice = await alice.enter(coordinator.port)
    assert.equal(alice.name, 'alice')
    assert.equal(toAlice.netmap?.peers.length, 0)
    assert.equal(toAlice.netmap?.self.address4, alice.address4)
    const toBob = await bob.enter(coordinator.port)
    assert.equal(bob.name, 'alice-2')
    await toAlice.until(() => toAlice.netmap?.peers[0]?.online === true)
    await toBob.until(() => toBob.netmap?.peers[0]?.online === true)
    assert.equal(toAlice.netmap?.peers[0]?.id, bob.id)
    assert.equal(toBob.netmap?.peers[0]?.id, alice.id)
    await toBob.close()
    await toAlice.until(() => toAlice.netmap?.peers[0]?.online === false)
  })

  it('is answered the same again, when it asks again with the same link', async () => {
    await using coordinator = await TestCoordinator.start()
    const alice = new TestNode(await coordinator.link({ expiresSeconds: 600 }), 'alice')
    const first = await alice.connect(coordinator.port)
    const certificate = await alice.certify(first)
    const joined = await alice.joinWith(first, certificate)
    await first.close()
    const before = dumpDatabase(coordinator.path)
    coordinator.wallShift = HOUR
    const second = await alice.connect(coordinator.port)
    assert.deepEqual(await alice.joinWith(second, await alice.certify(second)), joined)
    assert.equal(dumpDatabase(coordinator.path), before)
  })

  it('keeps name and address when it joins anew with another link', async () => {
    await using coordinator = await TestCoordinator.start()
    const alice = new TestNode(await coordinator.link(), 'alice')
    await alice.enter(coordinator.port)
    const again = new TestNode(await coordinator.link(), 'elsewhere', alice.keys)
    await again.enter(coordinator.port)
    assert.deepEqual([again.name, again.address4], [alice.name, alice.address4])
    assert.notDeepEqual(again.chain, alice.chain)
  })

  it('gets the tags of its link', async () => {
    await using coordinator = await TestCoordinator.start()
    const node = new TestNode(await coordinator.link({ tags: ['server', 'eu', 'server'] }), 'x')
    await node.enter(coordinator.port)
    const at = wallTime(Date.now())
    assert.deepEqual(verifyChain({ chain: node.chain ?? new Uint8Array(), mesh: node.link.mesh, at, crypto }).tags, [
      'eu',
      'server',
    ])
  })

  it('gets no address once all of the range are given', async () => {
    await using coordinator = await TestCoordinator.start({ range: '10.99.0.0/29' as Prefix })
    const link = await coordinator.link({ reusable: true })
    const nodes = Array.from({ length: 6 }, () => new TestNode(link, 'node'))
    for (const node of nodes) await (await node.enter(coordinator.port)).close()
    assert.equal(new Set(nodes.map((node) => node.address4)).size, 6)
    await isRefused(new TestNode(link, 'late').enter(coordinator.port), 'addresses-exhausted', /10\.99\.0\.0\/29/)
    assert.equal(countRows(coordinator.path, 'devices'), 6)
  })
})

describe('a link', () => {
  it('for one device lets in exactly one of twenty at the same instant', async () => {
    await using coordinator = await TestCoordinator.start()
    const link = await coordinator.link()
    const nodes = Array.from({ length: 20 }, (_, i) => new TestNode(link, `node-${i}`))
    const ready = await Promise.all(
      nodes.map(async (node) => {
        const channel = await node.connect(coordinator.port)
        return { node, channel, certificate: await node.certify(channel) }
      }),
    )
    const results = await Promise.allSettled(
      ready.map(({ node, channel, certificate }) => node.joinWith(channel, certificate)),
    )
    assert.equal(results.filter((result) => result.status === 'fulfilled').length, 1)
    for (const result of results)
      if (result.status === 'rejected')
        assert.equal(result.reason instanceof Refused && result.reason.code, 'link-used')
    assert.equal(countRows(coordinator.path, 'devices'), 1)
    assert.equal(countRows(coordinator.path, 'link_uses'), 1)
  })

  it('that is reusable lets in several at once, each with its own name and address', async () => {
    await using coordinator = await TestCoordinator.start()
    const link = await coordinator.link({ reusable: true })
    const nodes = Array.from({ length: 8 }, () => new TestNode(link, 'pi'))
    await Promise.all(nodes.map((node) => node.enter(coordinator.port)))
    assert.equal(new Set(nodes.map((node) => node.name)).size, 8)
    assert.equal(new Set(nodes.map((node) => node.address4)).size, 8)
  })

  it('that was used, revoked, has expired or is unknown is refused with its own word', async () => {
    await using coordinator = await TestCoordinator.start()
    await using other = await TestCoordinator.start()
    const used = await coordinator.link()
    const channel = await new TestNode(used, 'first').enter(coordinator.port)
    const revoked = await coordinator.running.createLink()
    await channel.request('link-revoke', { id: revoked.id })
    const brief = await coordinator.link({ expiresSeconds: 60 })
    const foreign = new TestNode(await other.link(), 'stray')
    const late = new TestNode(brief, 'late')
    const certified = await late.certify(await late.connect(coordinator.port))
    const before = dumpDatabase(coordinator.path)
    await isRefused(new TestNode(used, 'second').enter(coordinator.port), 'link-used', /used already/)
    await isRefused(new TestNode(revoked.link, 'x').enter(coordinator.port), 'link-revoked', /was revoked/)
    await assert.rejects(foreign.connect(coordinator.port), /channel-certificate-forged/)
    coordinator.wallShift = HOUR
    await isRefused(new TestNode(brief, 'x').enter(coordinator.port), 'link-expired', /expired at 20/)
    const again = await late.connect(coordinator.port)
    await isRefused(late.joinWith(again, certified), 'link-expired', /expired at 20/)
    const unknown = PrivateKey.generate('link', random).publicKey(crypto)
    await isRefused(again.request('open-link', { linkKey: unknown }), 'link-unknown', /does not know/)
    assert.equal(dumpDatabase(coordinator.path), before)
  })

  it('that was printed at the last start and not used is revoked by the next such one', async () => {
    await using coordinator = await TestCoordinator.start()
    const first = await coordinator.link({ printedAtStart: true })
    const plain = await coordinator.link()
    const second = await coordinator.link({ printedAtStart: true })
    await isRefused(new TestNode(first, 'x').enter(coordinator.port), 'link-revoked', /revoked/)
    await new TestNode(plain, 'x').enter(coordinator.port)
    await new TestNode(second, 'x').enter(coordinator.port)
  })

  it('is made, listed and revoked in the name of the account', async () => {
    await using coordinator = await TestCoordinator.start()
    const channel = await new TestNode(await coordinator.link(), 'first').enter(coordinator.port)
    const made = await channel.request('link-create', { reusable: true, expiresSeconds: 600, tags: ['a'] })
    await new TestNode(made.link, 'second').enter(coordinator.port)
    const { links } = await channel.request('link-list', {})
    assert.equal(links.length, 2)
    const { id, expires } = made
    assert.deepEqual(
      links.find((link) => link.id === id),
      { id, expires, reusable: true, uses: 1, state: 'open', tags: ['a'] },
    )
    await channel.request('link-revoke', { id })
    const after = await channel.request('link-list', {})
    assert.deepEqual(after.links.map((link) => link.state).sort(), ['revoked', 'used'])
    await isRefused(channel.request('link-revoke', { id: 'none' }), 'not-found', /none/)
  })

  it('is made for nobody who is not registered', async () => {
    await using coordinator = await TestCoordinator.start()
    const stranger = await new TestNode(await coordinator.link(), 'x').connect(coordinator.port)
    const before = dumpDatabase(coordinator.path)
    const wish = { reusable: false, expiresSeconds: 60, tags: [] }
    await isRefused(stranger.request('link-create', wish), 'not-registered', /join/)
    await isRefused(stranger.request('link-list', {}), 'not-registered', /join/)
    await isRefused(stranger.request('link-revoke', { id: 'x' }), 'not-registered', /join/)
    await isRefused(stranger.request('publish', { endpoints: [] }), 'not-registered', /join/)
    assert.equal(dumpDatabase(coordinator.path), before)
  })
})

describe('a proof', () => {
  it('by a foreign root is refused, though it is for the right link', async () => {
    await using coordinator = await TestCoordinator.start()
    const node = new TestNode(await coordinator.link(), 'x')
    const channel = await node.connect(coordinator.port)
    const own = readCertificate(await node.certify(channel), crypto)
    const foreignLink = PrivateKey.generate('link', random)
    const { kind, subject, notBefore, notAfter, grantsUntil, tags } = own
    const foreign = createCertificate({ kind, subject, notBefore, notAfter, grantsUntil, tags }, foreignLink, crypto)
    const longer = createCertificate(
      { kind, subject, notBefore, notAfter: notAfter + 1, grantsUntil, tags },
      node.link.seed,
      crypto,
    )
    const tagged = createCertificate(
      { kind, subject, notBefore, notAfter, grantsUntil, tags: ['admin'] },
      node.link.seed,
      crypto,
    )
    const before = dumpDatabase(coordinator.path)
    await isRefused(node.joinWith(channel, foreign), 'link-unknown', /does not know/)
    await isRefused(node.joinWith(channel, longer), 'certificate-refused', /longer/)
    await isRefused(node.joinWith(channel, tagged), 'certificate-refused', /tags/)
    await isRefused(node.joinWith(channel, new Uint8Array(200)), 'certificate-refused', /certificate/)
    assert.equal(dumpDatabase(coordinator.path), before)
    await node.joinWith(channel, own.bytes)
  })

  it('for another identity or with keys of another is refused', async () => {
    await using coordinator = await TestCoordinator.start()
    const alice = new TestNode(await coordinator.link(), 'alice')
    const toAlice = await alice.enter(coordinator.port)
    const eve = new TestNode(await coordinator.link(), 'eve')
    const channel = await eve.connect(coordinator.port)
    const certificate = await eve.certify(channel)
    const before = dumpDatabase(coordinator.path)
    const join = (record: Uint8Array) =>
      channel.request('join', {
        record: toBase64(record),
        certificate: toBase64(certificate),
        hostName: 'eve',
      })
    const record = (keys: Partial<typeof eve.keys>) => createRecord({ ...eve.keys, ...keys }, 1, crypto)
    await isRefused(join(alice.record), 'record-refused', /another channel key/)
    await isRefused(join(record({ identity: generateNodeKeys(random).identity })), 'certificate-refused', /identity/)
    await isRefused(join(record({ node: alice.keys.node })), 'record-refused', /another device/)
    await isRefused(join(record({ channel: alice.keys.channel })), 'record-refused', /another channel key/)
    const forged = eve.record.slice()
    forged[700] = (forged[700] ?? 0) ^ 1
    await isRefused(join(forged), 'record-refused', /signed|signature/)
    assert.equal(dumpDatabase(coordinator.path), before)
    assert.equal(toAlice.netmap?.peers.length, 0)
    await eve.joinWith(channel, certificate)
  })
})

async function isRefused(promise: Promise<unknown>, code: Refused['code'], message: RegExp): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof Refused, String(error))
    assert.equal(error.code, code, error.message)
    assert.match(error.message, message)
    return true
  })
}
