import { CommanderError } from 'commander'
import { failureLine } from './failure.ts'
import { createProgram } from './program.ts'
import { complain } from './terminal.ts'

const DONE = 0
const FAILED = 1
const WRONG_USAGE = 2

/** Runs one command line, without the program's name. Sets the exit code; the process ends when nothing is left to do. */
export async function runCli(args: readonly string[]): Promise<void> {
  endQuietlyWithTheReader()
  try {
    await createProgram().parseAsync(args, { from: 'user' })
    process.exitCode ??= DONE
  } catch (error) {
    process.exitCode = exitCodeOf(error)
    if (error instanceof CommanderError) return
    complain(failureLine(error))
    if (process.env.WEFT_DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`)
  }
}

/** Commander has written its own line already. */
function exitCodeOf(error: unknown): number {
  if (!(error instanceof CommanderError)) return FAILED
  return error.exitCode === 0 ? DONE : WRONG_USAGE
}

/** `weft status | head -1`: a reader that has seen enough is no failure. */
function endQuietlyWithTheReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(DONE)
    throw error
  })
}
