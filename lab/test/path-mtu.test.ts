import assert from 'node:assert/strict'
import { endsUp, labTest, type MeshNode, packetLoss, pathTo, type Site, twoSites, until } from '../src/index.ts'
import { program } from './programs/index.ts'

const timeout = 120_000
const ICMP_HEADERS = 28
const MEGABYTE = 1024 * 1024

for (const [family, options] of [
  ['IPv4', { nat: 'port-restricted' }],
  ['IPv6', { nat: 'firewall', v6Only: true }],
] as const) {
  labTest(
    `a path of Ethernet's MTU by ${family} carries 1420, each way`,
    async (lab) => {
      const { alice, bob } = await twoSites(lab, options, options)
      // An answer is as long as its echo: both ways are to be proven before.
      await carries(alice, bob, 1420)
      await carries(bob, alice, 1420)
      assert.equal(await pingWhole(alice, bob, 1420), 0)
      assert.equal(await pingWhole(bob, alice, 1420), 0)
      assert.match((await pathTo(alice, bob))?.endpoint ?? '', family === 'IPv6' ? /^\[2001:db8:/ : /^192\.0\.2\./)
    },
    { timeout },
  )

  labTest(
    `where a network carries no more than 1280 bytes by ${family}, the tunnel is narrower, and all of it works`,
    async (lab) => {
      const { alice, bob, left } = await twoSites(lab, options, options)
      await narrow(alice, left, 1280)
      await carries(alice, bob, 1200)
      assert.equal(await pingWhole(alice, bob, 1200), 0)
      // Both machines learn what fits, and then send in fragments.
      await until('longer packets pass in fragments', async () => (await pingOf(alice, bob.v4, '-s', '1392')) === 0)
      // 1,280 bytes of IPv6 pass always.
      assert.equal(await pingOf(alice, bob.v6, '-s', '1232'), 0)
      await transfer(alice, bob, 8 * MEGABYTE)
      await transfer(bob, alice, 8 * MEGABYTE)
    },
    { timeout },
  )
}

labTest(
  'where a router would fragment, the path is measured all the same, and nothing is lost meanwhile',
  async (lab) => {
    const { alice, bob, left } = await twoSites(lab, 'port-restricted', 'port-restricted')
    await left.router.ok('ip', 'link', 'set', 'eth0', 'mtu', '1400')
    assert.equal(await alice.ping(bob.v4, 20, 0.1), 0)
    await carries(alice, bob, 1340)
    await transfer(alice, bob, 8 * MEGABYTE)
    assert.equal((await pathTo(alice, bob))?.mtu, 1340)
  },
  { timeout },
)

labTest(
  'a path that becomes narrower in the middle of a transfer, and tells nobody, carries it to its end',
  async (lab, context) => {
    const { internet, alice, bob, left } = await twoSites(lab, 'port-restricted', 'port-restricted')
    const link = await internet.switch.insertLink(left.router)
    await link.set({ mtu: 1400, rate: 40_000_000, delay: 5 })
    // 28 of IPv4 and UDP, 32 of the tunnel.
    await carries(alice, bob, 1340)
    const begun = performance.now()
    let narrowedAt = 0
    const before = (await txBytes(alice, bob)) + 4 * MEGABYTE
    await transfer(alice, bob, 16 * MEGABYTE, async () => {
      await until('a part has passed', async () => (await txBytes(alice, bob)) > before, { timeout: 30_000 })
      narrowedAt = performance.now() - begun
      await link.set({ mtu: 1300, rate: 40_000_000, delay: 5 })
    })
    context.diagnostic(
      `narrowed after ${Math.round(narrowedAt)} ms, all there after ${Math.round(performance.now() - begun)} ms`,
    )
    const { kind, mtu } = (await pathTo(alice, bob)) ?? {}
    assert.deepEqual([kind, mtu], ['direct', 1240])
  },
  { timeout },
)

/** Packets flow until the direct path carries so much. */
async function carries(from: MeshNode, to: MeshNode, bytes: number): Promise<void> {
  await endsUp(from, to, 'direct')
  await until(
    `${from.name}'s path to ${to.name} carries ${bytes}`,
    async () => {
      await from.ping(to.v4)
      const mtu = (await pathTo(from, to))?.mtu
      if (mtu !== bytes) throw new Error(`it carries ${mtu}`)
      return true
    },
    { timeout: 30_000 },
  )
}

/** What is lost of tunnel packets of so many bytes that may not be fragmented. */
const pingWhole = (from: MeshNode, to: MeshNode, bytes: number): Promise<number> =>
  pingOf(from, to.v4, '-M', 'do', '-s', String(bytes - ICMP_HEADERS))

async function pingOf({ machine }: MeshNode, address: string, ...options: readonly string[]): Promise<number> {
  return packetLoss((await machine.run('ping', '-n', '-c', '3', '-i', '0.1', '-W', '2', ...options, address)).stdout)
}

/** Both ends of the machine's cable. */
async function narrow({ machine }: MeshNode, { router }: Site, mtu: number): Promise<void> {
  await machine.ok('ip', 'link', 'set', 'eth0', 'mtu', String(mtu))
  await router.ok('ip', 'link', 'set', 'lan0', 'mtu', String(mtu))
}

async function txBytes(from: MeshNode, to: MeshNode): Promise<number> {
  const { peers } = await from.status()
  return peers.find(({ name }) => name === to.name)?.txBytes ?? 0
}

/** By TCP; what arrived is what was sent. */
async function transfer(from: MeshNode, to: MeshNode, bytes: number, meanwhile = async () => {}): Promise<void> {
  const sink = to.machine.spawn(...program('tcp-sink', 9000))
  await sink.line(/^listening/)
  const source = from.machine.runWith({ timeout: 90_000 }, ...program('tcp-source', to.v4, 9000, bytes))
  await meanwhile()
  const { stdout } = await source
  const [, received, hash] = await sink.line(/^received (\d+) (\w+)$/, { timeout: 30_000 })
  assert.deepEqual([Number(received), hash], [bytes, stdout.trim()])
}
