import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { test } from 'node:test'

/*
 *   big (10.20.0.1, fd20::1)  ── a namespace that forwards ──  small (10.30.0.1, fd30::1)
 *   takes packets that stand for many                          takes none: the kernel cuts them
 */
const skip =
  process.getuid?.() !== 0 ? 'needs root' : existsSync('/dev/net/tun') ? false : 'this machine has no /dev/net/tun'

test('the kernel cuts packets as we do, and cuts what we joined into what it was', { skip }, async () => {
  const namespace = `weft-cut-${process.pid}`
  execFileSync('ip', ['netns', 'add', namespace])
  try {
    const program = new URL('./kernel-segments-program.ts', import.meta.url).pathname
    const child = spawn('ip', ['netns', 'exec', namespace, process.execPath, program], { stdio: 'pipe' })
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    const code = await new Promise((resolve) => child.once('close', resolve))
    assert.equal(code, 0, output)
    assert.match(output, /^(tcp|udp)[46] \d+ segments\n(.*segments\n){3,}$/)
  } finally {
    execFileSync('ip', ['netns', 'del', namespace])
  }
})
