/** A coordinator in a process of its own, that can be killed: `node coordinator-process.ts DIR [LINK]`. Tells its port on stdout, and a join link where none is given. */
import { silentLogger } from '@weft/base'
import { systemClock } from '@weft/linux'
import { startCoordinator } from '../src/index.ts'

const coordinator = await startCoordinator({
  stateDirectory: process.argv[2] ?? '',
  listen: { host: '127.0.0.1', port: 0 },
  logger: silentLogger,
  clock: systemClock,
})
const link = process.argv[3] ?? (await coordinator.createLink({ reusable: true })).link
console.log(JSON.stringify({ port: coordinator.address.port, link }))
