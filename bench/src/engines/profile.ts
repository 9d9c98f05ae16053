import { mkdirSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Lab } from '@weft/lab'
import { EnginePair, INSIDE } from './engine-pair.ts'
import { iperf } from './tcp.ts'

const SECONDS = 3

/**
 * CPU profiles of `weft wg` at both ends of one TCP stream, for Chromium's developer tools, taken apart from all measuring.
 * @returns the files of the lanes; those of the main threads, which are numbered 0, lie beside them
 */
export async function profileLane(lab: Lab, directory: string): Promise<readonly string[]> {
  const path = resolve(directory)
  mkdirSync(path, { recursive: true })
  const before = new Set(readdirSync(path))
  const env = { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${path}` }
  using pair = await EnginePair.start(lab, 'profile', { name: 'weft wg', program: 'weft', version: 'profiled' }, env)
  await iperf(pair, INSIDE[4].bob, SECONDS)
  for (const end of [pair.alice, pair.bob]) await end.process.stop()
  const written = readdirSync(path).filter((name) => !before.has(name))
  const lanes = written.filter((name) => !/\.0\.\d+\.cpuprofile$/.test(name)).map((name) => join(path, name))
  console.log(lanes.length === 0 ? 'no profile of a lane was written' : `profiles of the lanes: ${lanes.join(', ')}`)
  return lanes
}
