import { WgError } from './wg-error.ts'
import { readOptions, type WgOptions } from './wg-options.ts'

const DONE = 0
const FAILED = 1
const WRONG_USAGE = 2

const HELP = `Usage: weft wg [--foreground] NAME

Make the WireGuard interface NAME and serve it in the background, for wg and wg-quick to configure
through /var/run/wireguard/NAME.sock. It ends when the interface or the socket is deleted.

Options:
  -f, --foreground  stay in the foreground (also by WG_PROCESS_FOREGROUND=1)
  -h, --help        show help

Environment:
  LOG_LEVEL=verbose|error|silent   WG_TUN_FD, WG_UAPI_FD: descriptors that are open already

Examples:
  weft wg wg0 && wg setconf wg0 /etc/wireguard/wg0.conf
  WG_QUICK_USERSPACE_IMPLEMENTATION=weft-wg wg-quick up wg0     where weft-wg is: exec weft wg "$@"
`

/** Runs `weft wg`, without these two words. Sets the exit code. */
export async function runWg(args: readonly string[]): Promise<void> {
  try {
    const options = readOptions(args, process.env)
    if (options === 'help') process.stdout.write(HELP)
    else await run(options)
    process.exitCode ??= DONE
  } catch (error) {
    process.exitCode = error instanceof WgError && error.code === 'usage' ? WRONG_USAGE : FAILED
    process.stderr.write(`weft: ${error instanceof Error ? error.message.replaceAll('\n', ' ') : String(error)}\n`)
    if (process.env.WEFT_DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`)
  }
}

/** The process that only waits for the one in the background loads nothing of the engine. */
async function run(options: WgOptions): Promise<void> {
  if (options.isForeground) await (await import('./foreground.ts')).runInForeground(options)
  else await (await import('./background.ts')).runInBackground(options)
}
