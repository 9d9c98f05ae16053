/** A coordinator in a process of its own, that can be killed: `node coordinator-process.ts DIR`. Tells its port on stdout. */
import { silentLogger } from '@weft/base'
import { systemClock } from '@weft/linux'
import { startCoordinator } from '../src/index.ts'

const coordinator = await startCoordinator({
  stateDirectory: process.argv[2] ?? '',
  listen: { host: '127.0.0.1', port: 0 },
  logger: silentLogger,
  clock: systemClock,
})
const { link } = await coordinator.createLink({ reusable: true })
console.log(JSON.stringify({ port: coordinator.address.port, link }))
