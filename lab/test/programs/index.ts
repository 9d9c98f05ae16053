import { fileURLToPath } from 'node:url'

/** The command line of a program that scenarios run on a machine. */
export function program(
  name:
    | 'bad-relay'
    | 'captive-portal'
    | 'connect-proxy'
    | 'dns-ask'
    | 'handshake-flood'
    | 'http-only-proxy'
    | 'notify-socket'
    | 'odd-resolver'
    | 'taken-over'
    | 'tcp-junk'
    | 'tcp-sink'
    | 'tcp-source'
    | 'tun-for-wg'
    | 'udp-meddler'
    | 'udp-send'
    | 'udp-sink'
    | 'udp-talker'
    | 'web-server'
    | 'websocket-junk',
  ...args: readonly (string | number)[]
): readonly [string, ...string[]] {
  return [process.execPath, fileURLToPath(import.meta.resolve(`./${name}.ts`)), ...args.map(String)]
}
