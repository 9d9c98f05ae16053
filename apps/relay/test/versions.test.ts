import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { RelayVersion } from '@weft/relay-protocol'
import { RelaySocket } from '../src/link/relay-socket.ts'
import { takeUpgrades } from '../src/listening/index.ts'

for (const [spoken, version] of [
  [['weft.relay.1'], 1],
  [['weft.relay.2', 'weft.relay.1'], 2],
  [['weft.relay.3', 'weft.relay.2', 'weft.relay.1'], 2],
] as const)
  test(`with a relay that speaks up to ${spoken[0]} version ${version} is spoken`, async () => {
    const sockets = takeUpgrades(...spoken)
    const http = createServer()
    http.on('upgrade', (request, socket, head) =>
      sockets.handleUpgrade(request, socket, head, (webSocket) => webSocket.send(Uint8Array.of(1))),
    )
    http.listen(0, '127.0.0.1')
    await once(http, 'listening')
    const happened = await new Promise<readonly (RelayVersion | string)[]>((resolve) => {
      const seen: (RelayVersion | string)[] = []
      const socket = new RelaySocket(`http://127.0.0.1:${(http.address() as AddressInfo).port}`, {
        onOpen: (spokenNow) => seen.push(spokenNow),
        onMessage: () => {
          socket.close()
          resolve([...seen, 'message'])
        },
        onClose: (reason) => resolve([...seen, reason]),
      })
    })
    assert.deepEqual(happened, [version, 'message'])
    http.close()
  })
