import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { missing } from '@weft/testing/requirements'
import { Namespace } from './namespace.ts'

const skip = missing('root', '/dev/net/tun', 'network namespaces', 'ip')

describe('an interface', { skip }, () => {
  inNamespace()

  it('gets exactly the addresses it is given', () => {
    namespace.ip('address', 'add', '10.9.9.9/24', 'dev', 'weft0')
    const leftOut = namespace.node(`${weft0}.up(); return ${weft0}.setAddresses(['100.64.0.1/32', 'fd00:1::1/128'])`)
    assert.deepEqual(leftOut, [])
    assert.deepEqual(addresses(), ['100.64.0.1/32', 'fd00:1::1/128'])
    namespace.node(`${weft0}.setAddresses(['100.64.0.1/32', '100.64.0.2/32'])`)
    assert.deepEqual(addresses(), ['100.64.0.1/32', '100.64.0.2/32'])
  })

  it('has an IPv6 address at once, without looking for duplicates', () => {
    namespace.node(`${weft0}.up(); ${weft0}.setAddresses(['fd00:1::1/128'])`)
    const [info] = weft0Link().addr_info
    assert.equal(info?.nodad, true)
    assert.equal(info?.tentative, undefined)
  })

  it('goes up with its MTU, and sends nothing of its own accord', () => {
    namespace.node(`${weft0}.setMtu(1420); ${weft0}.up()`)
    assert.equal(weft0Link().mtu, 1420)
    assert.ok(weft0Link().flags.includes('UP'))
    assert.deepEqual(addresses({ linkLocal: true }), [])
  })

  it('takes routes marked as weft’s, once or again', () => {
    const add = `${weft0}.up(); return ${weft0}.addRoutes(['100.64.0.0/18', 'fd00:1::/48'])`
    assert.deepEqual(namespace.node(add), [])
    assert.deepEqual(namespace.node(add), [])
    const marked = { dev: 'weft0', protocol: '73' }
    assert.deepEqual(route('100.64.0.0/18'), { ...marked, scope: 'link' })
    assert.deepEqual(route('fd00:1::/48', '-6'), { ...marked, metric: 1024, pref: 'medium' })
  })

  it('loses the routes that are removed, and no error is made of those that are gone', () => {
    namespace.node(`${weft0}.up(); ${weft0}.addRoutes(['100.64.0.0/18', '100.65.0.0/18'])`)
    const remove = `${weft0}.removeRoutes(['100.64.0.0/18', 'fd00:9::/48'])`
    assert.equal(namespace.node(remove), null)
    assert.equal(namespace.node(remove), null)
    assert.equal(route('100.64.0.0/18'), undefined)
    assert.notEqual(route('100.65.0.0/18'), undefined)
  })

  it('leaves the route of another alone and says so', () => {
    namespace.ip('route', 'add', '100.64.0.0/18', 'dev', 'lo')
    const answer = namespace.node(`${weft0}.up(); ${weft0}.addRoutes(['100.64.0.0/18'])`)
    assert.deepEqual((answer as { code: string }).code, 'route-taken')
    assert.match((answer as { error: string }).error, /100\.64\.0\.0\/18 has a route already/)
    assert.equal(route('100.64.0.0/18')?.dev, 'lo')
  })

  it('is bare after all was removed', () => {
    namespace.node(`${weft0}.up()
      ${weft0}.setAddresses(['100.64.0.1/32', 'fd00:1::1/128'])
      ${weft0}.addRoutes(['100.64.0.0/18', 'fd00:1::/48'])
      ${weft0}.removeAll()`)
    assert.deepEqual(addresses({ linkLocal: true }), [])
    assert.deepEqual(namespace.json('route', 'show', 'dev', 'weft0'), [])
    assert.deepEqual(
      namespace.json('-6', 'route', 'show', 'dev', 'weft0').filter(({ protocol }) => protocol === '73'),
      [],
    )
  })

  it('that is gone, or was never there, is a clear error', () => {
    assert.deepEqual(namespace.node(`linux.NetworkInterface.named('weft9')`), {
      error: 'there is no interface weft9',
      code: 'no-interface',
    })
    namespace.ip('link', 'delete', 'weft0')
    namespace.ip('tuntap', 'add', 'weft0', 'mode', 'tun')
    const gone = `const gone = ${weft0}
      const { spawnSync } = await import('node:child_process')
      spawnSync('ip', ['link', 'delete', 'weft0'])
      gone.removeAll()
      gone.setMtu(1400)`
    assert.deepEqual(namespace.node(gone), {
      error: 'cannot set the MTU of weft0 to 1400: the interface is gone',
      code: 'no-interface',
    })
  })

  it('is not changed for one who may not', () => {
    const drop = ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin']
    assert.deepEqual(namespace.node(`${weft0}.setAddresses(['100.64.0.1/32'])`, drop), {
      error: 'cannot give weft0 the address 100.64.0.1/32: not permitted; run it as root',
      code: 'not-permitted',
    })
  })

  it('refuses what is no address', () => {
    for (const text of ['100.64.0.1', '100.64.0.1/33', 'x/1', '100.64.0.1/-1', '']) {
      const answer = namespace.node(`${weft0}.setAddresses([${JSON.stringify(text)}])`)
      assert.equal((answer as { code: string }).code, 'refused', text)
    }
  })
})

describe('an interface of a machine without IPv6', { skip }, () => {
  inNamespace()

  it('takes what is of IPv4, and answers what was left out', () => {
    namespace.exec('sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/weft0/disable_ipv6')
    assert.deepEqual(
      namespace.node(`${weft0}.up()
        return [
          ${weft0}.hasIpv6,
          ${weft0}.setAddresses(['100.64.0.1/32', 'fd00:1::1/128']),
          ${weft0}.addRoutes(['100.64.0.0/18', 'fd00:1::/48']),
        ]`),
      [false, ['fd00:1::1/128'], ['fd00:1::/48']],
    )
    assert.deepEqual(addresses(), ['100.64.0.1/32'])
  })
})

describe('the machine’s addresses', { skip }, () => {
  inNamespace()

  it('are those of interfaces that are up', () => {
    namespace.ip('address', 'add', '10.9.9.9/24', 'dev', 'weft0')
    assert.deepEqual(namespace.node('return linux.localAddresses()'), [
      { name: 'lo', address: '127.0.0.1', scope: 'loopback' },
      { name: 'lo', address: '::1', scope: 'loopback' },
    ])
    namespace.ip('link', 'set', 'weft0', 'up')
    const found = namespace.node('return linux.localAddresses()') as readonly Record<string, string>[]
    assert.deepEqual(found.slice(0, 2), [
      { name: 'lo', address: '127.0.0.1', scope: 'loopback' },
      { name: 'weft0', address: '10.9.9.9', scope: 'other' },
    ])
  })

  it('are all there, though they are many', () => {
    const many = Array.from({ length: 500 }, (_, n) => `10.1.${n >> 8}.${n & 255}`)
    namespace.batch(many.map((address) => `address add ${address}/32 dev weft0`))
    namespace.ip('link', 'set', 'weft0', 'up')
    const found = namespace.node('return linux.localAddresses()') as readonly { address: string }[]
    assert.deepEqual(
      new Set(found.map(({ address }) => address).filter((address) => address.startsWith('10.1.'))),
      new Set(many),
    )
  })
})

const weft0 = `linux.NetworkInterface.named('weft0')`
let namespace: Namespace

function inNamespace(): void {
  beforeEach(() => {
    namespace = new Namespace()
  })
  afterEach(() => namespace[Symbol.dispose]())
}

function addresses({ linkLocal = false } = {}): readonly string[] {
  return weft0Link()
    .addr_info.filter(({ scope }) => linkLocal || scope !== 'link')
    .map(({ local, prefixlen }) => `${local}/${prefixlen}`)
}

function route(prefix: string, ...options: readonly string[]): Record<string, unknown> | undefined {
  const found = namespace.json(...options, 'route', 'show', prefix)[0]
  if (found === undefined) return undefined
  const { dst: _dst, flags: _flags, ...rest } = found
  return rest
}

interface LinkAsIpShowsIt {
  readonly mtu: number
  readonly flags: readonly string[]
  readonly addr_info: readonly {
    readonly local: string
    readonly prefixlen: number
    readonly scope: string
    readonly nodad?: boolean
    readonly tentative?: boolean
  }[]
}

function weft0Link(): LinkAsIpShowsIt {
  return namespace.json('address', 'show', 'dev', 'weft0')[0] as unknown as LinkAsIpShowsIt
}
