import type { Endpoint, Instant, IpAddress, Prefix, Random } from '@weft/base'
import type { MeshId } from '@weft/keys'
import { Reflexive } from '@weft/traversal'
import { collisionsOf, directPaths, MAX_ENDPOINTS, ownEndpoints } from './endpoints.ts'
import type { Emit } from './node-interface.ts'
import type { NetworkStatus } from './node-status.ts'
import type { UnderlaySockets } from './underlay-sockets.ts'

export interface OwnEndpointsHost {
  readonly random: Random
  readonly sockets: UnderlaySockets
  readonly emit: Emit
  meshPrefixes(): readonly Prefix[]
}

/** Where this node may be heard: at its machine's own addresses, and where STUN servers and peers see it come from. */
export class OwnEndpoints {
  readonly reflexive: Reflexive
  readonly #host: OwnEndpointsHost
  readonly #stunServers = new Map<MeshId, readonly Endpoint[]>()
  #localAddresses: readonly IpAddress[] = []
  #isStunAwaited = false
  /** As last told, to tell only what differs. */
  #toldCollisions = ''

  constructor(host: OwnEndpointsHost) {
    this.#host = host
    this.reflexive = new Reflexive({
      random: host.random,
      send: (server, datagram) => this.#askStun(server, datagram),
      isLocal: (address) => this.#localAddresses.includes(address),
    })
  }

  all(): readonly Endpoint[] {
    return this.#with(this.reflexive.endpoints())
  }

  /** Those to be told to the coordinator. */
  stable(): readonly Endpoint[] {
    return this.#with(this.reflexive.stableEndpoints())
  }

  network(): NetworkStatus {
    const { reflexive } = this
    const [v4, v6] = [reflexive.mapping(4), reflexive.mapping(6)]
    const settled = reflexive.isSettled
    return { v4, v6, seen: reflexive.endpoints(), settled, collisions: this.#collisions() }
  }

  /** Whether they are others than before. */
  setLocalAddresses(addresses: readonly IpAddress[]): boolean {
    if (addresses.join() === this.#localAddresses.join()) return false
    this.#localAddresses = addresses
    this.tellCollisions()
    return true
  }

  setStunServers(mesh: MeshId, servers: readonly Endpoint[], now: Instant): void {
    this.#stunServers.set(mesh, servers)
    this.reflexive.setServers([...this.#stunServers.values()].flat(), now)
  }

  /** Asks all servers anew; `tellSettled` tells when that is done. */
  askStun(now: Instant): void {
    this.#isStunAwaited = true
    this.reflexive.ask(now)
  }

  tellSettled(): void {
    if (!this.#isStunAwaited || !this.reflexive.isSettled) return
    this.#isStunAwaited = false
    this.#host.emit({ kind: 'stun-settled' })
  }

  /** Once for what is new. */
  tellCollisions(): void {
    const collisions = this.#collisions().join()
    if (collisions === this.#toldCollisions) return
    this.#toldCollisions = collisions
    if (collisions !== '')
      this.#host.emit({ kind: 'log', level: 'warn', event: 'local network collides with the mesh', fields: {} })
  }

  #collisions(): readonly IpAddress[] {
    return collisionsOf(this.#localAddresses, this.#host.meshPrefixes())
  }

  #with(seen: readonly Endpoint[]): readonly Endpoint[] {
    const own = ownEndpoints(this.#localAddresses, this.#host.sockets, this.#host.meshPrefixes())
    return [...new Set([...seen, ...own])].slice(0, MAX_ENDPOINTS)
  }

  #askStun(server: Endpoint, datagram: Uint8Array): void {
    const [path] = directPaths([server], this.#host.sockets, this.#host.meshPrefixes())
    if (path !== undefined) this.#host.emit({ kind: 'datapath', command: { kind: 'send-datagram', path, datagram } })
  }
}
