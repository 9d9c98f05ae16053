import { type Endpoint, familyOf, fromHex, isZero, type Prefix, parseEndpoint, parseIp, prefixOf } from '@weft/base'
import { PrivateKey, publicKeyFromBytes } from '@weft/keys'
import type { Errno } from './errno.ts'
import type { AllowedIpChange, DeviceChange, PeerChange } from './request.ts'

const KEY_BYTES = 32
/** More prefixes than anyone sets at once, and a bound on what half a request can hold. */
const MAX_ALLOWED_IPS = 1 << 20
const MAX_PEERS_IN_REQUEST = 1 << 16

type Writable<T> = { -readonly [Name in keyof T]: T[Name] }
interface DraftPeer extends Writable<PeerChange> {
  allowedIps: AllowedIpChange[]
}
interface DraftDevice extends Writable<DeviceChange> {
  peers: DraftPeer[]
}

export interface Refusal {
  readonly errno: Errno
  readonly reason: string
}

/** A `set` request while its lines come. The first line that is refused refuses all of it; nothing of the rest is kept. */
export class SetRequest {
  #device: DraftDevice = { replacesPeers: false, peers: [] }
  #peer: DraftPeer | undefined
  #allowedIps = 0
  #refusal: Refusal | undefined

  get refusal(): Refusal | undefined {
    return this.#refusal
  }

  get change(): DeviceChange {
    return this.#device
  }

  addLine(line: string): void {
    if (this.#refusal !== undefined) return
    const at = line.indexOf('=')
    if (at < 0) {
      this.refuse('EPROTO', 'a line without =')
      return
    }
    const key = line.slice(0, at)
    const value = line.slice(at + 1)
    const isTaken = this.#take(key, value)
    if (isTaken === 'unknown') this.refuse('EINVAL', `no such key here: ${key.slice(0, 40)}`)
    else if (!isTaken) this.refuse('EINVAL', `no value for ${key}`)
  }

  refuse(errno: Errno, reason: string): void {
    this.#refusal ??= { errno, reason }
    this.#device = { replacesPeers: false, peers: [] }
    this.#peer = undefined
  }

  #take(key: string, value: string): boolean | 'unknown' {
    if (key === 'public_key') return this.#beginPeer(value)
    return this.#peer === undefined ? this.#takeDevice(key, value) : this.#takePeer(this.#peer, key, value)
  }

  #takeDevice(key: string, value: string): boolean | 'unknown' {
    const device = this.#device
    switch (key) {
      case 'private_key': {
        const bytes = keyBytes(value)
        if (bytes !== undefined) device.privateKey = isZero(bytes) ? 'none' : new PrivateKey('node', bytes)
        return bytes !== undefined
      }
      case 'listen_port':
        return setIfDefined(wholeNumber(value, 0xffff), (port) => {
          device.listenPort = port
        })
      case 'fwmark':
        return setIfDefined(wholeNumber(value, 0xffff_ffff), (mark) => {
          device.fwmark = mark
        })
      case 'replace_peers':
        device.replacesPeers = true
        return value === 'true'
      default:
        return 'unknown'
    }
  }

  #beginPeer(value: string): boolean {
    const bytes = keyBytes(value)
    if (bytes === undefined || this.#device.peers.length === MAX_PEERS_IN_REQUEST) return false
    this.#peer = {
      publicKey: publicKeyFromBytes('node', bytes),
      isRemoved: false,
      updatesOnly: false,
      replacesAllowedIps: false,
      allowedIps: [],
    }
    this.#device.peers.push(this.#peer)
    return true
  }

  #takePeer(peer: DraftPeer, key: string, value: string): boolean | 'unknown' {
    switch (key) {
      case 'remove':
        peer.isRemoved = true
        return value === 'true'
      case 'update_only':
        peer.updatesOnly = true
        return value === 'true'
      case 'preshared_key':
        return setIfDefined(keyBytes(value), (bytes) => {
          peer.presharedKey = bytes
        })
      case 'endpoint':
        return setIfDefined<Endpoint>(parseEndpoint(value), (endpoint) => {
          peer.endpoint = endpoint
        })
      case 'persistent_keepalive_interval':
        return setIfDefined(wholeNumber(value, 0xffff), (interval) => {
          peer.persistentKeepalive = interval
        })
      case 'replace_allowed_ips':
        peer.replacesAllowedIps = true
        peer.allowedIps = []
        return value === 'true'
      case 'allowed_ip':
        return this.#addAllowedIp(peer, value)
      case 'protocol_version':
        return value === '1'
      default:
        return 'unknown'
    }
  }

  /** `-` before it takes the prefix away. */
  #addAllowedIp(peer: DraftPeer, value: string): boolean {
    const isRemoved = value.startsWith('-')
    const prefix = maskedPrefix(isRemoved ? value.slice(1) : value)
    if (prefix === undefined || ++this.#allowedIps > MAX_ALLOWED_IPS) return false
    peer.allowedIps.push({ prefix, isRemoved })
    return true
  }
}

function setIfDefined<T>(value: T | undefined, set: (value: T) => void): boolean {
  if (value === undefined) return false
  set(value)
  return true
}

function keyBytes(value: string): Uint8Array | undefined {
  return value.length === 2 * KEY_BYTES ? fromHex(value) : undefined
}

function wholeNumber(value: string, largest: number): number | undefined {
  const number = Number(value)
  return /^\d{1,10}$/.test(value) && number <= largest ? number : undefined
}

/** Host bits are cleared, as WireGuard has always done. */
function maskedPrefix(value: string): Prefix | undefined {
  const slash = value.lastIndexOf('/')
  const address = slash < 0 ? undefined : parseIp(value.slice(0, slash))
  if (address === undefined) return undefined
  const length = wholeNumber(value.slice(slash + 1), familyOf(address) === 4 ? 32 : 128)
  return length === undefined ? undefined : prefixOf(address, length)
}
