import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'

const LINUX_MODULE = import.meta.resolve('../src/index.ts')

/** A network namespace with a TUN device `weft0`. */
export class Namespace implements Disposable {
  readonly #name = `weft-linux-${process.pid}`

  constructor() {
    run('ip', 'netns', 'add', this.#name)
    this.ip('link', 'set', 'lo', 'up')
    this.ip('tuntap', 'add', 'weft0', 'mode', 'tun')
  }

  ip(...args: readonly string[]): string {
    return run('ip', '-n', this.#name, ...args)
  }

  batch(lines: readonly string[]): void {
    const { status, stderr } = spawnSync('ip', ['-n', this.#name, '-batch', '-'], { input: lines.join('\n') })
    assert.equal(status, 0, String(stderr))
  }

  json(...args: readonly string[]): readonly Record<string, unknown>[] {
    return JSON.parse(this.ip('-j', ...args) || '[]')
  }

  exec(...args: readonly string[]): string {
    return run('ip', 'netns', 'exec', this.#name, ...args)
  }

  /** What the body, run inside, returns; thrown errors come as `{ error, code }`. `linux` is the module. */
  node(body: string, setpriv: readonly string[] = []): unknown {
    const script = `
      const linux = await import(${JSON.stringify(LINUX_MODULE)})
      const run = async () => { ${body} }
      const answer = await run().catch((error) => ({ error: error.message, code: error.code }))
      console.log(JSON.stringify(answer ?? null))`
    return JSON.parse(this.exec(...setpriv, process.execPath, '--input-type=module', '-e', script))
  }

  [Symbol.dispose](): void {
    run('ip', 'netns', 'delete', this.#name)
  }
}

function run(command: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  assert.equal(status, 0, `${command} ${args.join(' ')}: ${stderr}`)
  return stdout
}
