import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { NodeId } from '@weft/keys'
import { type LeftOutRow, type RelayRow, StorageError, Store } from '../src/index.ts'
import { someAccount, someDevice, someLink, someMesh } from './rows.ts'

const someRelay: RelayRow = {
  id: 'r0' as NodeId,
  places: ['https://relay.example'],
  stunPort: undefined,
  added: 1_000,
}

function damage(path: string, ...changes: readonly string[]): void {
  using database = new DatabaseSync(path)
  for (const change of changes) database.exec(change)
}

describe('the store', () => {
  let directory: string
  let path: string
  let store: Store

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'weft-storage-'))
    path = join(directory, 'coordinator.db')
    store = await Store.open(path)
    await store.transaction(async (t) => {
      await t.createMesh(someMesh)
      await t.createAccount(someAccount)
    })
  })
  afterEach(async () => {
    await store.close()
    rmSync(directory, { recursive: true })
  })

  it('gives back what was written, after a restart too', async () => {
    await store.transaction(async (t) => {
      await t.createDevice(someDevice(1))
      await t.createLink(someLink('l1', { revoked: 1_500, printedAtStart: true }))
    })
    await store.close()
    store = await Store.open(path)
    await store.transaction(async (t) => {
      assert.deepEqual(await t.mesh(), someMesh)
      assert.deepEqual(await t.accounts(), [someAccount])
      assert.deepEqual(await t.account(someAccount.id), someAccount)
      assert.deepEqual(await t.devices(), [someDevice(1)])
      assert.deepEqual(await t.device(someDevice(1).id), someDevice(1))
      assert.deepEqual(await t.deviceByChannelKey(someDevice(1).channelKey), someDevice(1))
      assert.deepEqual(await t.link('l1'), someLink('l1', { revoked: 1_500, printedAtStart: true }))
      assert.deepEqual(await t.linkByKeyHash('hash of l1'), await t.link('l1'))
    })
  })

  it('is for its owner only', () => {
    assert.equal(statSync(path).mode & 0o777, 0o600)
  })

  it('undoes everything where the work throws', async () => {
    await assert.rejects(
      store.transaction(async (t) => {
        await t.createDevice(someDevice(1))
        await t.nextNumber()
        throw new Error('changed my mind')
      }),
      /changed my mind/,
    )
    await store.transaction(async (t) => {
      assert.deepEqual(await t.devices(), [])
      assert.equal(await t.nextNumber(), 2)
    })
  })

  it('runs transactions one after the other', async () => {
    const numbers = await Promise.all(Array.from({ length: 20 }, () => store.transaction((t) => t.nextNumber())))
    assert.deepEqual(
      numbers,
      Array.from({ length: 20 }, (_, i) => i + 2),
    )
  })

  it('refuses a device without an account, and two with one name, address or key', async () => {
    const stranger = { ...someDevice(1), accountId: 'nobody' as typeof someAccount.id }
    await assert.rejects(
      store.transaction((t) => t.createDevice(stranger)),
      StorageError,
    )
    await store.transaction((t) => t.createDevice(someDevice(1)))
    for (const field of ['name', 'address4', 'nodeKey', 'channelKey', 'identityKey'] as const) {
      const twin = { ...someDevice(2), [field]: someDevice(1)[field] }
      await assert.rejects(
        store.transaction((t) => t.createDevice(twin)),
        StorageError,
        field,
      )
    }
  })

  it('undoes alone what the schema forbids, among works that share a transaction', async () => {
    const [first, twin, third] = await store.together([
      (t) => t.createDevice(someDevice(1)),
      (t) => t.createDevice({ ...someDevice(2), name: someDevice(1).name }),
      (t) => t.createDevice(someDevice(3)),
    ])
    assert.deepEqual([first?.status, third?.status], ['fulfilled', 'fulfilled'])
    assert.ok(twin?.status === 'rejected' && twin.reason instanceof StorageError)
    await store.transaction(async (t) => assert.equal((await t.devices()).length, 2))
  })

  it('was copied when the last was made of what is in it, whatever a damaged row claims', async () => {
    await store.transaction(async (t) => {
      assert.equal(await t.markCopied(5_000), 0)
      for (const number of [1, 2, 3]) await t.createDevice(someDevice(number))
      await t.createLink(someLink('l1', { created: 1_500 }))
      assert.equal(await t.markCopied(5_000), 1_500)
    })
    damage(path, "update devices set created = 9223372036854775807 where id = 'd1'")
    damage(path, "update devices set created = 6000 where id = 'd2'", "update devices set created = -1 where id = 'd3'")
    await store.transaction(async (t) => assert.equal(await t.markCopied(5_000), 1_500))
    damage(path, "update links set created = 7000 where id = 'l1'")
    await store.transaction(async (t) => {
      assert.equal(await t.markCopied(5_000), 5_000)
      assert.equal((await t.mesh())?.copied, 5_000)
    })
  })

  it('counts the uses of a link, and lets nobody use a single one twice', async () => {
    await store.transaction(async (t) => {
      for (const number of [1, 2]) await t.createDevice(someDevice(number))
      await t.createLink(someLink('once'))
      await t.createLink(someLink('often', { reusable: true }))
      await t.useLink('once', someDevice(1).id, 1_100)
      for (const number of [1, 2]) await t.useLink('often', someDevice(number).id, 1_100)
    })
    await assert.rejects(
      store.transaction((t) => t.useLink('once', someDevice(2).id, 1_200)),
      StorageError,
    )
    await store.transaction(async (t) => {
      assert.equal((await t.link('once'))?.uses, 1)
      assert.equal((await t.link('often'))?.uses, 2)
      assert.equal(await t.hasUsedLink('once', someDevice(1).id), true)
      assert.equal(await t.hasUsedLink('once', someDevice(2).id), false)
    })
  })

  it('forgets old links that let nobody in, and no others', async () => {
    await store.transaction(async (t) => {
      await t.createDevice(someDevice(1))
      await t.createLink(someLink('used', { expires: 1_100 }))
      await t.createLink(someLink('expired', { expires: 1_100 }))
      await t.createLink(someLink('revoked', { revoked: 1_100, expires: 1_100 }))
      await t.createLink(someLink('revoked early', { revoked: 1_100 }))
      await t.createLink(someLink('open'))
      await t.useLink('used', someDevice(1).id, 1_050)
      await t.removeUnusedLinks(someAccount.id, 1_200)
      const left = (await t.linksOf(someAccount.id)).map((link) => link.id)
      assert.deepEqual(left.sort(), ['open', 'revoked early', 'used'])
    })
  })

  it('leaves out of its lists what it cannot read, and says which, and why', async () => {
    await store.transaction(async (t) => {
      for (let number = 1; number <= 7; number++) await t.createDevice(someDevice(number))
      for (const id of ['l1', 'l2']) await t.createLink(someLink(id))
      for (const id of ['r1', 'r2']) await t.putRelay({ ...someRelay, id: id as NodeId })
    })
    damage(
      path,
      "update devices set endpoints = 'nonsense' where id = 'd1'",
      "update devices set endpoints = '{}' where id = 'd2'",
      "update devices set endpoints = '[1]' where id = 'd3'",
      "update devices set changed = 9007199254740993 where id = 'd4'",
      "update devices set created = -9223372036854775808 where id = 'd5'",
      "update links set tags = '[' where id = 'l2'",
      "update relays set places = '' where id = 'r1'",
    )
    const left: string[] = []
    const leaveOut = ({ table, row, reason }: LeftOutRow) => left.push(`${table} ${row}: ${reason}`)
    await store.transaction(async (t) => {
      assert.deepEqual(await t.devices(leaveOut), [someDevice(6), someDevice(7)])
      assert.deepEqual(await t.linksOf(someAccount.id, leaveOut), [someLink('l1')])
      assert.deepEqual(await t.relays(leaveOut), [{ ...someRelay, id: 'r2' }])
      assert.equal((await t.names()).length, 7)
    })
    assert.deepEqual(left, [
      'devices d1: endpoints is no list of texts in JSON',
      'devices d2: endpoints is no list of texts in JSON',
      'devices d3: endpoints is no list of texts in JSON',
      'devices d4: changed is out of range',
      'devices d5: created is out of range',
      'links l2: tags is no list of texts in JSON',
      'relays r1: places is no list of texts in JSON',
    ])
  })

  it('names file, table and column where it is asked for what it cannot read', async () => {
    await store.transaction((t) => t.createDevice(someDevice(1)))
    damage(path, "update devices set endpoints = 'nonsense'", 'update mesh set number = 9223372036854775807')
    const works = [
      () => store.transaction((t) => t.device(someDevice(1).id)),
      () => store.transaction((t) => t.mesh()),
      async () => {
        const [result] = await store.together([(t) => t.device(someDevice(1).id)])
        if (result?.status === 'rejected') throw result.reason
      },
    ]
    for (const work of works)
      await assert.rejects(work, (error) => {
        assert.ok(error instanceof StorageError, String(error))
        assert.match(
          error.message,
          /coordinator\.db is corrupt \(in table (devices, endpoints|mesh, number) .*restore a backup/,
        )
        return true
      })
  })

  it('marks as offline whoever was online', async () => {
    await store.transaction(async (t) => {
      for (const number of [1, 2]) await t.createDevice(someDevice(number))
      await t.setOnline(someDevice(1).id, true, 5)
      assert.equal((await t.device(someDevice(1).id))?.online, true)
      assert.equal(await t.setAllOffline(6), 1)
      assert.deepEqual(
        (await t.devices()).map((device) => [device.online, device.changed]),
        [
          [false, 6],
          [false, 2],
        ],
      )
    })
  })

  it('knows all names and addresses, and devices by their keys', async () => {
    await store.transaction(async (t) => {
      for (const number of [1, 2, 12]) await t.createDevice(someDevice(number))
      assert.deepEqual((await t.names()).sort(), ['device-1', 'device-12', 'device-2'])
      assert.deepEqual(await t.deviceIdsByKeys(someDevice(1).nodeKey, someDevice(2).channelKey), ['d1', 'd2'])
      assert.equal((await t.addresses()).length, 3)
    })
  })

  it('writes an update of all that may change', async () => {
    const changed = { ...someDevice(1), name: 'other', online: true, endpoints: [], changed: 9 }
    await store.transaction(async (t) => {
      await t.createDevice(someDevice(1))
      await t.updateDevice(changed)
      assert.deepEqual(await t.device(changed.id), changed)
    })
  })
})
