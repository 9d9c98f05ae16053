/**
 * `npm run lab`: three machines in network namespaces, joined; what they can do; and a shell on each.
 *
 *   alice ─┐  coordinator and node
 *   bob   ─┼─ lan   192.0.2.0/24, 2001:db8:1::/64
 *   carol ─┘
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { buildPlayground } from './build-playground.ts'
import { demonstrate } from './demonstration.ts'
import { Lab } from './lab.ts'
import type { Machine } from './machine.ts'
import type { MeshNode } from './mesh.ts'
import { reporting, skipReason } from './requirements.ts'

process.exitCode = await main()

async function main(): Promise<number> {
  const missing = skipReason()
  if (missing !== false) {
    console.error(`weft lab: ${missing}`)
    return 1
  }
  using lab = await Lab.create()
  const nodes = await reporting(lab, async () => {
    const { nodes, mesh } = await buildPlayground(lab, progress)
    console.log('')
    await demonstrate(nodes, mesh, (line) => console.log(line))
    return nodes
  })
  await openShells(lab.machines, describe(nodes))
  console.log('taking the machines down')
  return 0
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
    `Try:  weft status --watch      weft ping bob      curl http://${nodes.at(-1)?.name}.weft/      weft link create`,
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
