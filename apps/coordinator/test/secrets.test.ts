import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { toBase64, toBase64Url } from '@weft/base'
import { PrivateKey } from '@weft/keys'
import { TestCoordinator } from './test-coordinator.ts'
import { type TestChannel, TestNode } from './test-node.ts'

it('neither files, nor log, nor messages hold a private key of a node, the seed of a link, or a coordinator key', async () => {
  await using coordinator = await TestCoordinator.start()
  const link = await coordinator.link({ reusable: true })
  const nodes = ['alice', 'bob', 'carol'].map((name) => new TestNode(link, name))
  const channels: TestChannel[] = []
  for (const node of nodes) channels.push(await node.enter(coordinator.port))
  const created = await channels[0]?.request('link-create', { reusable: false, expiresSeconds: 60, tags: [] })
  await channels[0]?.until(() => channels[0]?.netmap?.peers.length === 2)
  const secrets = new Map(nodes.flatMap((node) => secretsOf(node)))
  const files = filesOf(coordinator.directory)
  for (const [name, bytes] of files) {
    if (!name.endsWith('.key')) continue
    secrets.set(name, Buffer.from(bytes.toString(), 'base64'))
  }
  assert.equal(secrets.size, 3 * 6 + 3)
  const told = channels.flatMap((channel) => channel.texts).filter((text) => !text.includes(created?.link ?? ''))
  const places: readonly (readonly [string, Buffer])[] = [
    ...files.filter(([name]) => !name.endsWith('.key')),
    ['log', Buffer.from(coordinator.log.join('\n'))],
    ['messages', Buffer.from(told.join('\n'))],
    ['behind messages', Buffer.concat(channels.flatMap((channel) => channel.bytes))],
  ]
  assert.ok(places.some(([name]) => name === 'coordinator.db-wal'))
  for (const [place, content] of places)
    for (const [name, secret] of secrets)
      for (const form of formsOf(secret)) assert.ok(!content.includes(form), `${name} in ${place}`)
  const publicKey = nodes[1]?.record.subarray(41, 73) ?? new Uint8Array()
  assert.ok(
    places.some(([, content]) => content.includes(publicKey)),
    'the search finds what is there',
  )
})

function secretsOf(node: TestNode): readonly (readonly [string, Uint8Array])[] {
  const keys = Object.entries(node.keys).filter(
    (entry): entry is [string, PrivateKey<'node'>] => entry[1] instanceof PrivateKey,
  )
  return [
    ...keys.map(([role, key]) => [`${node.hostName}'s ${role} key`, key.expose()] as const),
    [`${node.hostName}'s link seed`, node.link.seed.expose()] as const,
  ]
}

function formsOf(secret: Uint8Array): readonly (Uint8Array | string)[] {
  const hex = secret.toHex()
  return [secret, hex, hex.toUpperCase(), toBase64(secret).replace(/=+$/, ''), toBase64Url(secret)]
}

function filesOf(directory: string): readonly (readonly [string, Buffer])[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => [entry.name, readFileSync(join(entry.parentPath, entry.name))] as const)
}
