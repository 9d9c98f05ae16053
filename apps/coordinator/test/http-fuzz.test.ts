import assert from 'node:assert/strict'
import { join } from 'node:path'
import { silentLogger } from '@weft/base'
import { callControl } from '@weft/control-socket'
import { systemClock } from '@weft/linux'
import { RelayServer } from '@weft/relay'
import { KNOCK_PATH } from '@weft/relay-protocol'
import { fuzz, httpRequest, mutateHttp, say, statusOf, strangersRequests } from '@weft/testing'
import { dumpDatabase } from './database-dump.ts'
import { TestCoordinator } from './test-coordinator.ts'

fuzz({
  name: 'what a stranger sends to a coordinator’s port',
  mutate: mutateHttp,
  scene: async () => {
    const coordinator = await TestCoordinator.start({
      relay: { open: ({ mesh, id }) => new RelayServer({ mesh, id, clock: systemClock, logger: silentLogger }) },
    })
    const before = dumpDatabase(coordinator.path)
    const to = { host: '127.0.0.1', port: coordinator.port }
    return {
      valid: [
        ...strangersRequests('/v1/channel', 'weft.channel.1'),
        ...strangersRequests('/v1/relay', 'weft.relay.1'),
        httpRequest(`GET ${KNOCK_PATH}${'ab'.repeat(16)}`, ['Connection: close']),
      ],
      async read(text) {
        const status = statusOf(await say(to, text))
        assert.notEqual(status, '204', 'no relay was asked to knock')
        return status
      },
      async close() {
        const answer = await fetch(`http://127.0.0.1:${coordinator.port}/healthz`)
        assert.deepEqual(await answer.json(), { status: 'ok', channel: 1 }, 'it serves as before')
        assert.equal(dumpDatabase(coordinator.path), before, 'no row has changed')
        assert.deepEqual(
          coordinator.log.filter((line) => line.startsWith('error')),
          [],
        )
        await nobodyIsLeft(coordinator)
        await coordinator[Symbol.asyncDispose]()
      },
    }
  },
  reaches: ['101', '200', '400', '404'],
  sources: [
    'coordinator/src/http-server.ts',
    'coordinator/src/channel-server.ts',
    'coordinator/src/channel-connection.ts',
    'relay/src/relay-server.ts',
  ],
  inputs: { short: 1_000, long: 50_000 },
})

async function nobodyIsLeft({ directory }: TestCoordinator): Promise<void> {
  for (;;) {
    const status = await callControl(join(directory, 'coordinator.sock'), 'status', {})
    const { channels, relay } = status as { channels: number; relay: { connections: number } }
    if (channels === 0 && relay.connections === 0) return
  }
}
