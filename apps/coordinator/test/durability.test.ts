import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import type { Endpoint } from '@weft/base'
import { missing } from '@weft/testing/requirements'
import { TestNode } from './test-node.ts'

const PROGRAM = join(import.meta.dirname, 'coordinator-process.ts')
const DISK = '16m'

describe('what the coordinator acknowledges', () => {
  it('is synced to the disk before the answer is sent', { skip: missing('strace') }, async () => {
    await using traced = await Started.under('strace', [
      '-f',
      '-qq',
      '-s',
      '0',
      '-y',
      '-e',
      'trace=fdatasync,fsync,pwrite64,write,writev,sendto,sendmsg',
      '-o',
      '%trace',
    ])
    const node = new TestNode(traced.link, 'alice')
    const channel = await node.connect(traced.port)
    const certificate = await node.certify(channel)
    const before = traced.trace().length
    await node.joinWith(channel, certificate)
    const calls = traced.trace().slice(before)
    const written = calls.findIndex((call) => /pwrite64\(\d+<.*coordinator\.db-wal>/.test(call))
    const synced = calls.findIndex((call) => /f(?:data)?sync\(\d+<.*coordinator\.db-wal>.* = 0/.test(call))
    const answered = calls.findIndex((call) => /(?:writev?|sendto|sendmsg)\(\d+<(?:TCP|socket)/.test(call))
    assert.ok(written >= 0 && written < synced, `written ${written}, synced ${synced}:\n${calls.join('\n')}`)
    assert.ok(synced < answered, `synced ${synced}, answered ${answered}:\n${calls.join('\n')}`)
    await channel.close()
  })
})

describe('a full disk', () => {
  it('lets nodes in and tells them netmaps, refuses changes with the reason, and loses nothing', {
    skip: missing('root', 'unshare', 'mount'),
  }, async () => {
    await using full = await Started.under('unshare', [
      '--mount',
      '--propagation=private',
      'sh',
      '-c',
      `mount -t tmpfs -o size=${DISK} tmpfs "%state" && exec "$@"`,
      'sh',
    ])
    const alice = new TestNode(full.link, 'alice')
    const first = await alice.enter(full.port)
    await (await new TestNode(full.link, 'bob').enter(full.port)).close()
    full.fill()
    await assert.rejects(joinUntilRefused(full), {
      code: 'failed',
      message: /disk is full on the coordinator; make room/,
    })

    const again = await alice.connect(full.port)
    await alice.subscribe(again)
    assert.deepEqual(
      again.netmap?.peers.map(({ name }) => name).filter((name) => name === 'bob'),
      ['bob'],
    )
    await assert.rejects(again.request('publish', { endpoints: manyEndpoints() }), { code: 'failed' })
    assert.deepEqual(again.netmap?.self.address4, alice.address4)

    full.empty()
    const carol = new TestNode(full.link, 'carol')
    await (await carol.enter(full.port)).close()
    await again.until(() => again.netmap?.peers.some(({ name }) => name === 'carol') === true)
    assert.equal(full.check(), 'ok')
    await again.close()
    await first.close().catch(() => undefined)
  })
})

/** What the log still has room for is taken; then comes the refusal. */
async function joinUntilRefused({ port, link }: Started): Promise<never> {
  for (let i = 0; ; i++) {
    const channel = await new TestNode(link, 'x').connect(port)
    try {
      await new TestNode(link, `n${i}`).enter(port, manyEndpoints())
    } finally {
      await channel.close()
    }
  }
}

const manyEndpoints = () => Array.from({ length: 32 }, (_, i) => `192.0.2.${i + 1}:${1024 + i}` as Endpoint)

/** A coordinator in a process of its own, started by another program. */
class Started {
  readonly #directory: string
  readonly #child: ChildProcess
  readonly port: number
  readonly link: string

  private constructor(directory: string, child: ChildProcess, told: { readonly port: number; readonly link: string }) {
    this.#directory = directory
    this.#child = child
    this.port = told.port
    this.link = told.link
  }

  /** `%state` and `%trace` in the arguments stand for paths of this coordinator. */
  static async under(program: string, options: readonly string[]): Promise<Started> {
    const directory = mkdtempSync(join(tmpdir(), 'weft-durability-'))
    mkdirSync(join(directory, 'state'), { mode: 0o700 })
    const filled = options.map((option) =>
      option.replace('%state', join(directory, 'state')).replace('%trace', join(directory, 'trace')),
    )
    const child = spawn(program, [...filled, process.execPath, PROGRAM, join(directory, 'state')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = await once(createInterface(child.stdout), 'line')
    return new Started(directory, child, JSON.parse(String(line)))
  }

  trace(): string[] {
    return readFileSync(join(this.#directory, 'trace'), 'utf8').split('\n')
  }

  /** Of the file system that only the coordinator sees. */
  fill(): void {
    spawnSync('dd', ['if=/dev/zero', `of=${this.#inside('ballast')}`, 'bs=4k'])
  }

  empty(): void {
    rmSync(this.#inside('ballast'))
  }

  check(): unknown {
    const copy = join(this.#directory, 'copy.db')
    for (const suffix of ['', '-wal'])
      writeFileSync(`${copy}${suffix}`, readFileSync(this.#inside(`coordinator.db${suffix}`)))
    using database = new DatabaseSync(copy)
    return database.prepare('pragma integrity_check').get()?.integrity_check
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#child, 'exit')
    const pid = this.#pid()
    process.kill(pid, 'SIGKILL')
    await exited
    rmSync(this.#directory, { recursive: true, force: true })
  }

  #inside(file: string): string {
    return `/proc/${this.#pid()}/root${join(this.#directory, 'state', file)}`
  }

  /** strace is the coordinator's parent; `unshare` and `sh` become it. */
  #pid(): number {
    const { pid } = this.#child
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
    return Number(children.split(' ')[0] || pid)
  }
}
