/**
 * `npm run lab`: three machines in network namespaces, joined, and a shell on each.
 *
 *   alice ─┐  coordinator and node
 *   bob   ─┼─ lan   192.0.2.0/24, 2001:db8:1::/64
 *   carol ─┘
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { Lab } from './lab.ts'
import type { Machine } from './machine.ts'
import { LabMesh, MeshNode, type NodeStatus } from './mesh.ts'
import { reporting, skipReason } from './requirements.ts'
import { until } from './until.ts'

process.exitCode = await main()

async function main(): Promise<number> {
  const missing = skipReason()
  if (missing !== false) {
    console.error(`weft lab: ${missing}`)
    return 1
  }
  using lab = await Lab.create()
  const nodes = await reporting(lab, () => build(lab))
  await openShells(lab.machines, describe(nodes))
  console.log('taking the machines down')
  return 0
}

async function build(lab: Lab): Promise<readonly MeshNode[]> {
  progress('three machines on one switch')
  lab.switch('lan', { v4: '192.0.2.0/24', v6: '2001:db8:1::/64' })
  const alice = lab.machine('alice')
  const others = [lab.machine('bob'), lab.machine('carol')]
  progress('alice runs the coordinator, and a node: weft serve')
  const mesh = await LabMesh.serve(alice, [])
  const nodes = [await selfOf(alice)]
  for (const machine of others) {
    progress(`${machine.name} joins: weft up LINK`)
    nodes.push(await mesh.join(machine))
  }
  progress('each finds the others')
  for (const node of nodes) await node.knows(...nodes.filter((other) => other !== node))
  return nodes
}

/** `weft serve` joins its own node on the side. */
async function selfOf(machine: Machine): Promise<MeshNode> {
  const self = await until(`${machine.name} is a node`, async () => {
    const status: NodeStatus = JSON.parse(await machine.weftOk('status', '--json'))
    return status.self?.addresses.length ? status.self : undefined
  })
  return new MeshNode(machine, self)
}

function describe(nodes: readonly MeshNode[]): string {
  return [
    'Three machines, one mesh:',
    '',
    ...nodes.map(
      ({ name, v4, v6, machine }) =>
        `  ${name.padEnd(7)} ${v4.padEnd(16)} ${v6.padEnd(40)} on the wire ${machine.address}`,
    ),
    '',
    `Try:  weft status      weft ping bob      ping ${nodes.at(-1)?.v4}      weft link create`,
    '',
  ].join('\n')
}

async function openShells(machines: readonly Machine[], greeting: string): Promise<void> {
  const scripts = machines.map((machine) => ({ name: machine.name, script: machine.writeShellScript(greeting) }))
  if (process.stdin.isTTY && spawnSync('tmux', ['-V']).status === 0) return openInTmux(scripts)
  console.log('\nA shell on each, from other terminals (as root):\n')
  for (const { name, script } of scripts) console.log(`  ${name.padEnd(7)} ${script}`)
  const [first] = scripts
  if (first === undefined) return
  console.log(`\nThis is ${first.name}. Ctrl-D takes everything down.\n`)
  await once(spawn(first.script, { stdio: 'inherit' }), 'exit')
}

/** One window for each machine; it is over when the last shell is. */
async function openInTmux(shells: readonly { readonly name: string; readonly script: string }[]): Promise<void> {
  const server = ['-L', `weft-${process.pid}`, '-f', '/dev/null']
  const { TMUX: _outer, ...env } = process.env
  const commands = shells.flatMap(({ name, script }, number) => [
    ...(number === 0 ? ['new-session'] : [';', 'new-window']),
    '-n',
    name,
    script,
  ])
  const title = ['set-option', '-g', 'status-right', ' Ctrl-B 0, 1, 2: another machine; the last shell ends all ']
  const all = [...server, ...commands, ';', ...title, ';', 'set-option', '-g', 'status-right-length', '80']
  await once(spawn('tmux', [...all, ';', 'select-window', '-t', ':0'], { stdio: 'inherit', env }), 'exit')
  spawnSync('tmux', [...server, 'kill-server'])
}

function progress(text: string): void {
  console.log(`weft lab: ${text} …`)
}
