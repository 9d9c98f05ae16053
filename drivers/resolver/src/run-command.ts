import { spawn } from 'node:child_process'

/** In ms: a tool that waits for a service that does not answer. */
const TIMEOUT = 5_000
const MAX_OUTPUT = 256 * 1024

interface CommandOutcome {
  /** `undefined` where it could not be started, or took too long. */
  readonly code: number | undefined
  readonly stdout: string
  readonly stderr: string
}

/** Runs a tool of the system to its end; never rejects. */
export type RunCommand = (command: readonly [string, ...string[]], input?: string) => Promise<CommandOutcome>

export const runCommand: RunCommand = ([program, ...args], input = '') =>
  new Promise((resolve) => {
    const child = spawn(program, args, { env: { ...process.env, LC_ALL: 'C' }, timeout: TIMEOUT, stdio: 'pipe' })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (stdout.length < MAX_OUTPUT) stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (stderr.length < MAX_OUTPUT) stderr += text
    })
    child.once('error', (error) => resolve({ code: undefined, stdout, stderr: error.message }))
    child.once('close', (code) => resolve({ code: code ?? undefined, stdout, stderr }))
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
  })

/** Runs it, and gives its standard output. @throws {Error} with the tool's own words where it fails. */
export async function succeed(
  run: RunCommand,
  command: readonly [string, ...string[]],
  input?: string,
): Promise<string> {
  const { code, stdout, stderr } = await run(command, input)
  if (code === 0) return stdout
  const words = (stderr || stdout).trim().split('\n')[0] || 'no answer in time'
  throw new Error(`${command.slice(0, 2).join(' ')} failed: ${words}`)
}
