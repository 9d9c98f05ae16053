/*
 *   alice ── lan ── router ── internet ── dora, the coordinator with relay and STUN
 *                     └ answers itself what is for TCP ports 80 and 7480 elsewhere, and lets nothing else out
 */
import assert from 'node:assert/strict'
import { Internet, type Lab, LabMesh, labTest, type MeshNode, type Site, until } from '../src/index.ts'
import { program } from './programs/index.ts'

const PORTAL_PORT = 8880
const LOGIN = 'http://login.hotel.example/?next=weft'

for (const [claim, server, said] of [
  ['sends to its login page', program('captive-portal', PORTAL_PORT, LOGIN), `with a browser at ${LOGIN}`],
  [
    'answers every question with its own page',
    program('web-server', PORTAL_PORT, '<html>welcome</html>'),
    /with a browser at http:\/\/192\.0\.2\.\d+:7480\/healthz/,
  ],
] as const) {
  labTest(
    `a network that ${claim} is told by netcheck, with where to sign in, and is left behind once one has`,
    async (lab) => {
      const { alice, hotel } = await guest(lab)
      await intercept(hotel, server)
      await alice.machine.weftOk('down')
      await alice.machine.weft('up')
      const text = await alice.machine.weftOk('netcheck')
      assert.match(text, /^portal somebody else answers in the coordinator’s place: sign in to this network first/m)
      if (typeof said === 'string') assert.ok(text.includes(said), text)
      else assert.match(text, said)
      assert.equal(JSON.parse(await alice.machine.weftOk('netcheck', '--json')).portal, true)
      await release(hotel)
      const isConnected = async () => (await alice.status()).coordinator?.state === 'connected'
      await until('alice is connected again', isConnected, { timeout: 60_000 })
      assert.doesNotMatch(await alice.machine.weftOk('netcheck'), /portal/)
    },
  )
}

labTest('a network through which only HTTP passes is told by netcheck, with what to do', async (lab) => {
  const { mesh, alice, hotel } = await guest(lab)
  await intercept(hotel, program('http-only-proxy', PORTAL_PORT, mesh.url))
  await alice.machine.weftOk('down')
  await alice.machine.weft('up')
  const text = await alice.machine.weftOk('netcheck')
  assert.match(text, /^http {3}the coordinator answers HTTP, but no connection to it lasts/m)
  assert.doesNotMatch(text, /portal/)
})

async function guest(lab: Lab): Promise<{ readonly mesh: LabMesh; readonly alice: MeshNode; readonly hotel: Site }> {
  const internet = await Internet.create(lab)
  const mesh = await LabMesh.serve(await internet.host('dora'))
  const hotel = await internet.site('hotel', { nat: 'port-restricted' })
  return { mesh, hotel, alice: await mesh.join(await hotel.host('alice')) }
}

async function intercept({ router }: Site, server: readonly [string, ...string[]]): Promise<void> {
  await router.spawn(...server).line(/listening/)
  await router.ok('nft', 'add table ip portal')
  await router.ok('nft', 'add chain ip portal in { type nat hook prerouting priority dstnat - 1; }')
  await router.ok('nft', `add rule ip portal in iifname "lan0" tcp dport { 80, 7480 } redirect to :${PORTAL_PORT}`)
  await router.ok('nft', 'insert rule inet guard through iifname "lan0" drop')
}

async function release({ router }: Site): Promise<void> {
  await router.ok('nft', 'delete table ip portal')
  await router.ok('nft', 'flush chain inet guard through')
}
