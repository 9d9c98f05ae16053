/** What the playground shows before its shells: every step a real command on a machine, with what it answered. */
import type { LabMesh, MeshNode } from './mesh.ts'
import { until } from './until.ts'

const WEB_PORT = 80
const PAGE = 'hello from carol'

type Say = (line: string) => void

/** Opens a page by its name, loses a machine and takes it back. */
export async function demonstrate(nodes: readonly MeshNode[], mesh: LabMesh, say: Say): Promise<void> {
  const [alice, bob, carol] = nodes
  if (alice === undefined || bob === undefined || carol === undefined) return
  await servePage(carol)
  await alice.reaches(carol.v4)
  await command(alice, say, 'weft', 'status')
  await until('the page has a name', async () => (await alice.machine.run('getent', 'hosts', 'carol.weft')).code === 0)
  await command(alice, say, 'curl', '-s', '-m', '5', 'http://carol.weft/')
  say('(bob loses its power)')
  bob.machine.kill()
  await command(alice, say, 'weft', 'ping', '-c', '1', 'bob')
  say('(bob is back)')
  await command(bob, say, 'weft', 'up')
  await alice.reaches(bob.v4)
  await command(alice, say, 'weft', 'ping', '-c', '2', '-i', '0.2', 'bob')
  if (!mesh.process.isRunning) throw new Error('the coordinator ended')
}

async function servePage(node: MeshNode): Promise<void> {
  const server = `require('node:http').createServer((_, answer) => answer.end('${PAGE}\\n')).listen(${WEB_PORT}, '::', () => console.log('listening'))`
  await node.machine.spawn(process.execPath, '-e', server).line(/listening/)
}

async function command(node: MeshNode, say: Say, program: string, ...args: readonly string[]): Promise<void> {
  say(`${node.name}# ${[program, ...args].join(' ')}`)
  const run = () =>
    program === 'weft'
      ? node.machine.weftWith({ env: { FORCE_COLOR: '1' } }, ...args)
      : node.machine.run(program, ...args)
  const { stdout, stderr } = await until(`${program} answers`, run)
  for (const line of `${stdout}${stderr}`.trimEnd().split('\n')) say(line)
  say('')
}
