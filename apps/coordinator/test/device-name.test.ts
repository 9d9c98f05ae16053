import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { freeName, nameFromHostName, nameStem } from '../src/device-name.ts'

const names: readonly (readonly [hostName: string, name: string])[] = [
  ['laptop', 'laptop'],
  ['Laptop.example.com', 'laptop'],
  ["Anna's MacBook Pro", 'annas-macbook-pro'],
  ['Anna’s MacBook', 'annas-macbook'],
  ['Büro_PC', 'buro-pc'],
  ['Crème brûlée!', 'creme-brulee'],
  ['ｆｕｌｌ', 'full'],
  ['--a--b--', 'a-b'],
  ['xn--bcher-kva', 'xn-bcher-kva'],
  ['zero\u200bwidth', 'zerowidth'],
  ['ноутбук', 'device'],
  ['ноутбук 2', 'device-2'],
  ['书房-nas', 'nas'],
  ['', 'device'],
  ['   ', 'device'],
  ['...', 'device'],
  ['💻', 'device'],
  ['localhost', 'device'],
  ['localhost.localdomain', 'device'],
  ['10.0.0.1', 'device-10'],
  ['0x7f', 'device-0x7f'],
  ['00112233445566778899aabbccddeeff', 'device-00112233445566778899aabbccddeeff'],
  ['a'.repeat(300), 'a'.repeat(63)],
  [`${'a'.repeat(62)}-b`, 'a'.repeat(62)],
]

describe('a name', () => {
  for (const [hostName, name] of names)
    it(`of ${JSON.stringify(hostName.slice(0, 40))} is ${name.slice(0, 40)}`, () => {
      assert.equal(nameFromHostName(hostName), name)
    })

  it('that is used gets the first free number', () => {
    assert.equal(freeName('nas', []), 'nas')
    assert.equal(freeName('nas', ['nas']), 'nas-2')
    assert.equal(freeName('nas', ['nas', 'nas-2', 'nas-4']), 'nas-3')
  })

  it('that is reserved gets a number', () => {
    assert.equal(freeName('coordinator', []), 'coordinator-2')
  })

  it('that is as long as can be makes room for the number', () => {
    assert.equal(freeName('a'.repeat(63), ['a'.repeat(63)]), `${'a'.repeat(61)}-2`)
  })

  it('is a DNS label, free, and found by its stem, whatever the host name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 100 }), fc.nat(30), (hostName, others) => {
        const wanted = nameFromHostName(hostName)
        const used: string[] = []
        for (let i = 0; i <= others; i++) used.push(freeName(wanted, used))
        assert.equal(new Set(used).size, used.length)
        for (const name of used) {
          assert.match(name, /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/)
          assert.ok(name.startsWith(nameStem(wanted)))
          assert.equal(nameFromHostName(wanted), wanted)
        }
      }),
    )
  })
})
