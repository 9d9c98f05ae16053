import { type ClientRequest, request } from 'node:http'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { type IpAddress, parseIp, parsePrefix, prefixContains, scopeOf } from '@weft/base'
import type { ClientOptions } from 'ws'
import { reasonOf } from './connection-reason.ts'

const ANSWER_MS = 8_000
const DEFAULT_PORT = 80
const PROXY_WANTS_SIGN_IN = 407

/** The proxy did not let a connection through. The message says what it did, and what to do. */
class ProxyError extends Error {
  override readonly name = 'ProxyError'
}

type Environment = Readonly<Record<string, string | undefined>>
type Connected = (error: Error | null, socket?: Socket) => void

/**
 * For a WebSocket to that URL: through the HTTP proxy that `HTTPS_PROXY` names, by CONNECT (RFC 9110 §9.3.6), unless
 * `NO_PROXY` or the address says otherwise. It may be lower-case, as curl's. What is wrong is an error of the connection.
 */
export function throughProxy(
  url: string,
  environment: Environment = process.env,
): Pick<ClientOptions, 'createConnection'> {
  const proxy = environment.https_proxy || environment.HTTPS_PROXY
  const { protocol, hostname, port } = new URL(url)
  const isSecure = protocol === 'wss:'
  if (!proxy || isExempt(bare(hostname), environment.no_proxy || environment.NO_PROXY || '')) return {}
  const target = `${hostname}:${port || (isSecure ? 443 : 80)}`
  const createConnection = (_options: unknown, onConnected: Connected): void => {
    connectBy(proxy, target, (error, socket) => {
      if (socket === undefined || !isSecure) onConnected(error, socket)
      else onConnected(null, secured(socket, bare(hostname)))
    })
  }
  // Node.js takes the socket by the callback; the types of ws know only of those that return it.
  return { createConnection: createConnection as unknown as NonNullable<ClientOptions['createConnection']> }
}

function connectBy(proxy: string, target: string, onConnected: Connected): void {
  const place = parseProxy(proxy)
  if (place === undefined) {
    onConnected(new ProxyError('HTTPS_PROXY is not understood: give http://HOST:PORT'))
    return
  }
  const shown = place.host
  const fail = (what: string) => onConnected(new ProxyError(`the proxy ${shown} of HTTPS_PROXY ${what}`))
  const asked: ClientRequest = request({
    host: bare(place.hostname),
    port: place.port || DEFAULT_PORT,
    method: 'CONNECT',
    path: target,
    headers: { host: target, ...credentials(place) },
    agent: false,
    timeout: ANSWER_MS,
  })
  const limit = setTimeout(() => asked.destroy(new Error('timed out')), ANSWER_MS)
  asked.once('close', () => clearTimeout(limit))
  asked.once('timeout', () => asked.destroy(new Error('timed out')))
  asked.once('connect', ({ statusCode = 0 }, socket, head) => {
    clearTimeout(limit)
    socket.setTimeout(0)
    if (statusCode >= 200 && statusCode < 300) {
      if (head.length > 0) socket.unshift(head)
      onConnected(null, socket)
      return
    }
    socket.destroy()
    if (statusCode === PROXY_WANTS_SIGN_IN) fail('wants a name and a password: give http://NAME:PASSWORD@HOST:PORT')
    else fail(`refuses with status ${statusCode}: ask who runs it, or name the host in NO_PROXY`)
  })
  asked.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code?.startsWith('HPE_')) fail('answers what is no HTTP: check the address')
    else fail(`cannot be used: ${reasonOf(error)}`)
  })
  asked.end()
}

function parseProxy(text: string): URL | undefined {
  const url = URL.parse(text.includes('://') ? text : `http://${text}`)
  return url?.protocol === 'http:' && url.hostname !== '' ? url : undefined
}

function credentials({ username, password }: URL): Readonly<Record<string, string>> {
  if (username === '') return {}
  const text = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return { 'proxy-authorization': `Basic ${Buffer.from(text).toString('base64')}` }
}

/** Who signed the certificate does not matter: what passes is sealed by keys of its own. */
function secured(socket: Socket, host: string): Socket {
  const isName = parseIp(host) === undefined
  return connectTls({ socket, rejectUnauthorized: false, ...(isName ? { servername: host } : {}) })
}

/** By `NO_PROXY`: names, which stand for what is under them too, addresses, prefixes, or `*`. This machine always. */
function isExempt(host: string, list: string): boolean {
  const address = parseIp(host)
  if (host === 'localhost' || (address !== undefined && scopeOf(address) === 'loopback')) return true
  const entries = list.split(',').map((entry) => entry.trim().toLowerCase())
  return entries.some((entry) => entry === '*' || covers(entry, host.toLowerCase(), address))
}

function covers(entry: string, host: string, address: IpAddress | undefined): boolean {
  if (entry === '') return false
  if (address === undefined) return host === entry || host.endsWith(`.${entry.replace(/^\*?\./, '')}`)
  const prefix = parsePrefix(entry)
  return parseIp(bare(entry)) === address || (prefix !== undefined && prefixContains(prefix, address))
}

/** An IPv6 address without its brackets. */
const bare = (host: string): string => host.replace(/^\[|\]$/g, '')
