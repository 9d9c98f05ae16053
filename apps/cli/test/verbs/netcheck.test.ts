import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Netcheck } from '../../src/agent-answers.ts'
import { netcheckLines } from '../../src/verbs/netcheck.ts'

const home: Netcheck = {
  v4: 'easy',
  v6: 'unknown',
  seen: ['198.51.100.7:7481'],
  addresses: ['192.168.1.2:7481'],
  relay: {
    home: 'abcdef0123456789',
    state: 'connected',
    relays: [{ id: 'abcdef0123456789', state: 'connected', rttMs: 12.3 }],
  },
  portal: false,
  portalPage: null,
  onlyHttp: false,
  collisions: [],
}

test('netcheck says what is there, and what it means in plain words', () => {
  assert.deepEqual(netcheckLines(home), [
    'IPv4   a NAT that gives this device one outside port (easy)',
    'IPv6   this device has no address',
    'seen   from outside as 198.51.100.7:7481',
    'relay  abcdef01  connected  12.3 ms  home',
    '',
    'Direct paths to all but devices behind hard NATs; those are reached by relay.',
  ])
})

test('a network that lets no UDP out, or that answers for the coordinator, is named with what to do', () => {
  const lines = netcheckLines({ ...home, v4: 'blocked', seen: [], portal: true }).join('\n')
  assert.match(lines, /UDP does not come back/)
  assert.match(lines, /sign in to this network/)
  assert.match(lines, /All goes by relay: this network lets no UDP out/)
})

test('where to sign in is said, as one line, whatever the network sent', () => {
  const lines = netcheckLines({ ...home, portal: true, portalPage: 'http://hotel.example/\u001b[2Jlogin\n' })
  assert.ok(
    lines.includes(
      'portal somebody else answers in the coordinator’s place: sign in to this network first, with a browser at http://hotel.example/ [2Jlogin',
    ),
  )
})

test('a network that lets only HTTP through is named, with what to do', () => {
  assert.match(
    netcheckLines({ ...home, onlyHttp: true }).join('\n'),
    /^http {3}the coordinator answers HTTP, but .*HTTPS_PROXY$/m,
  )
})

test('IPv6 without NAT makes up for a hard NAT', () => {
  const both = { ...home, v4: 'hard', v6: 'none', addresses: [...home.addresses, '[2001:db8::2]:7481'] } as const
  assert.match(netcheckLines(both).at(-1) ?? '', /Direct paths to almost everybody/)
})

test('a network within the mesh’s range is named, with what is not reached and what to do', () => {
  const lines = netcheckLines({ ...home, collisions: ['100.80.1.5'] }).join('\n')
  assert.match(lines, /^range {2}this network gave 100\.80\.1\.5, .*not reached; use another network/m)
})
