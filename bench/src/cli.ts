/*
 *   alice (coordinator, node; where the verbs are typed) ─ lan ─ bob
 */
import { spawn } from 'node:child_process'
import { join, resolve } from 'node:path'
import { Lab, LabMesh, until } from '@weft/lab'
import type { Measurement } from './measurement.ts'

const LAUNCHER = join(resolve(import.meta.dirname, '../..'), 'weft')
/** What a user feels as at once, in ms; the best round of each verb is held to it. */
const BOUND = 120

const verbs = [
  '--version',
  '--help',
  'status',
  'peers',
  'ping -c 1 bob',
  'netcheck',
  'names list',
  'link list',
  'complete-words -- ping ',
  'completion bash',
  'manual',
] as const

/** From the start of the process to the first byte that it prints, with an agent that has a peer. */
export async function benchCli(rounds: number): Promise<readonly Measurement[]> {
  using lab = await Lab.create()
  lab.switch('lan', { v4: '192.0.2.0/24' })
  const mesh = await LabMesh.serve(lab.machine('alice'), [])
  const socket = mesh.machine.path('run/weft/agent.sock')
  await until('alice is a node', async () => JSON.parse(await mesh.machine.weftOk('status', '--json')).self !== null)
  const bob = await mesh.join(lab.machine('bob'))
  await until('alice pings bob', async () => (await mesh.machine.weft('ping', '-c', '1', bob.name)).code === 0)
  const measurements: Measurement[] = []
  for (const verb of verbs) {
    const values: number[] = []
    for (let round = 0; round < rounds; round++) values.push(await firstAnswer(verb.split(' '), socket))
    measurements.push({ name: `weft ${verb}`, unit: 'ms', values })
  }
  for (const { name, values } of measurements)
    if (Math.min(...values) > BOUND) {
      console.error(`${name}: ${Math.min(...values).toFixed(0)} ms at best, and ${BOUND} are the bound`)
      process.exitCode = 1
    }
  return measurements
}

function firstAnswer(args: readonly string[], socket: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const started = performance.now()
    let first: number | undefined
    const child = spawn(LAUNCHER, args, {
      env: { ...process.env, WEFT_SOCKET: socket },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child.stdout.on('data', () => {
      first ??= performance.now() - started
    })
    let errors = ''
    child.stderr.on('data', (part) => {
      errors += part
    })
    child.once('error', reject)
    child.once('close', () =>
      first === undefined ? reject(new Error(`${args.join(' ')}: ${errors}`)) : resolve(first),
    )
  })
}
