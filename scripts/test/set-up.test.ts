import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, test } from 'node:test'

const directory = mkdtempSync(join(tmpdir(), 'weft-set-up-'))
after(() => rmSync(directory, { recursive: true }))

test('set-up tells that it installs, and does so once', () => {
  const checkout = checkoutWith('here', {
    'node_modules/node': { resolved: 'node', link: true },
    node: { version: '1.0.0', bin: { node: 'node' } },
  })
  write(join(checkout, 'node/package.json'), { name: 'node', version: '1.0.0', bin: { node: 'node' } })
  writeFileSync(join(checkout, 'node/node'), '#!/bin/sh\n')
  chmodSync(join(checkout, 'node/node'), 0o755)
  const run = () => spawnSync('sh', [join(checkout, 'scripts/set-up.sh')], { env: environment(), encoding: 'utf8' })
  const first = run()
  assert.match(first.stderr, /^weft: installing .* once .*\n(weft: \d+ MB .*\n)*weft: installed\n$/)
  assert.deepEqual([first.status, first.stdout], [0, ''])
  const second = run()
  assert.deepEqual([second.status, second.stdout, second.stderr], [0, '', ''])
})

test('a registry that falls silent ends set-up with one line, and who waited meanwhile goes on', async () => {
  const checkout = checkoutWith('elsewhere', {
    'node_modules/node': { version: '1.0.0', integrity: `sha512-${Buffer.alloc(64).toString('base64')}` },
  })
  const registry = await SilentRegistry.open()
  using first = new SetUp(checkout, registry.url)
  await first.line(/^weft: installing /)
  await registry.asked()
  using second = new SetUp(checkout, registry.url)
  const waits = await second.line(/^weft: waiting for process \d+ of \w+, which installs/)
  assert.ok(isRunning(Number(/\d+/.exec(waits)?.[0])))

  registry.close()
  for (const each of [first, second]) {
    const said = await each.line(/does not answer/)
    const host = RegExp.escape(registry.url)
    assert.match(
      said,
      new RegExp(`^weft: cannot install the packages: ${host} .*\\(ECONN\\w+\\); see .*, then try again$`),
    )
    assert.equal(await each.code, 1)
  }
})

test('set-up that is ended leaves no npm behind, and the folder free', async () => {
  const checkout = checkoutWith('ended', {
    'node_modules/node': { version: '1.0.0', integrity: `sha512-${Buffer.alloc(64).toString('base64')}` },
  })
  const registry = await SilentRegistry.open()
  using first = new SetUp(checkout, registry.url)
  await registry.asked()
  first.end()
  assert.equal(await first.code, 143)
  await registry.left()
  registry.close()
  // Waits for the lock no longer than for what is on its way out.
  assert.equal(spawnSync('sh', ['-c', 'flock --timeout 60 "$0" true', checkout]).status, 0)
})

/** Accepts, and never answers. */
class SilentRegistry {
  readonly url: string
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server) {
    this.#server = server
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => this.#sockets.delete(socket))
      socket.resume()
    })
  }

  static async open(): Promise<SilentRegistry> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new SilentRegistry(server)
  }

  async asked(): Promise<void> {
    if (this.#sockets.size === 0) await once(this.#server, 'connection')
  }

  async left(): Promise<void> {
    for (const socket of this.#sockets) await once(socket, 'close')
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }
}

class SetUp implements Disposable {
  readonly code: Promise<number | null>
  readonly #process: ChildProcess
  readonly #lines: AsyncIterator<string>

  constructor(checkout: string, registry: string) {
    this.#process = spawn('sh', [join(checkout, 'scripts/set-up.sh')], {
      env: { ...environment(), npm_config_registry: registry },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.code = once(this.#process, 'exit').then(([code]) => code)
    this.#lines = createInterface({ input: this.#process.stderr ?? process.stdin })[Symbol.asyncIterator]()
  }

  /** The next line of that form. */
  async line(form: RegExp): Promise<string> {
    for (;;) {
      const { done, value } = await this.#lines.next()
      if (done) throw new Error(`set-up ended without ${form}`)
      if (form.test(value)) return value
    }
  }

  end(): void {
    this.#process.kill('SIGTERM')
  }

  [Symbol.dispose](): void {
    this.#process.kill('SIGTERM')
  }
}

/** A checkout with that lockfile alone. */
function checkoutWith(name: string, packages: Readonly<Record<string, object>>): string {
  const checkout = join(directory, name)
  const dependencies = { node: packages.node === undefined ? '1.0.0' : 'file:node' }
  cpSync(join(import.meta.dirname, '../set-up.sh'), join(checkout, 'scripts/set-up.sh'))
  write(join(checkout, 'package.json'), { name, version: '1.0.0', dependencies })
  write(join(checkout, 'package-lock.json'), {
    name,
    version: '1.0.0',
    lockfileVersion: 3,
    requires: true,
    packages: { '': { name, version: '1.0.0', dependencies }, ...packages },
  })
  return checkout
}

function write(path: string, value: object): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, JSON.stringify(value))
}

/** With nothing in npm's cache. */
function environment(): Record<string, string> {
  return { PATH: process.env.PATH ?? '', HOME: join(directory, 'home') }
}

function isRunning(processId: number): boolean {
  try {
    return process.kill(processId, 0)
  } catch {
    return false
  }
}
