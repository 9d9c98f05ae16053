import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readDeviceLabel, toUnicode } from '@weft/dns'
import fc from 'fast-check'
import { freeName, nameFromHostName } from '../src/device-name.ts'

/** As machines are really called. */
const names: readonly (readonly [hostName: string, name: string])[] = [
  ['laptop', 'laptop'],
  ['Laptop.example.com', 'laptop'],
  ['Laptop.fritz.box', 'laptop'],
  ['DESKTOP-4F7K2Q9', 'desktop-4f7k2q9'],
  ['ip-172-31-4-12.eu-central-1.compute.internal', 'ip-172-31-4-12'],
  ['ubuntu-s-1vcpu-1gb-fra1-01', 'ubuntu-s-1vcpu-1gb-fra1-01'],
  ['vmi123456.contaboserver.net', 'vmi123456'],
  ['android-5f3c2a1b9d8e7f60', 'android-5f3c2a1b9d8e7f60'],
  ['3f2a9c1b7d6e', '3f2a9c1b7d6e'],
  ['k8s_node_1', 'k8s-node-1'],
  ['DS920+', 'ds920'],
  ['(none)', 'none'],
  ["Anna's MacBook Pro", 'annas-macbook-pro'],
  ['Anna’s MacBook', 'annas-macbook'],
  ['MacBook Pro von Jürgen', 'macbook-pro-von-jurgen'],
  ['Jürgens-Laptop', 'jurgens-laptop'],
  ['Ju\u0308rgens-Laptop', 'jurgens-laptop'],
  ['büro', 'buro'],
  ['BÜRO_PC', 'buro-pc'],
  ['Weiß', 'weiss'],
  ['Søren', 'soren'],
  ['Łukasz-PC', 'lukasz-pc'],
  ['İstanbul', 'istanbul'],
  ['Đorđe', 'dorde'],
  ['Crème brûlée!', 'creme-brulee'],
  ['iPhone de José', 'iphone-de-jose'],
  ['Nguyễn-PC', 'nguyen-pc'],
  ['ｆｕｌｌ', 'full'],
  ['--a--b--', 'a-b'],
  ['xn--bcher-kva', 'xn--bcher-kva'],
  ['XN--BCHER-KVA.example', 'xn--bcher-kva'],
  ['xn--80ak6aa92e', 'xn-80ak6aa92e'],
  ['zero\u200bwidth', 'zerowidth'],
  ['ноутбук', 'xn--90asheufc'],
  ['Ноутбук 2', 'xn---2-9kc0bng2ahc'],
  ['книга-mac', 'mac'],
  ['书房-nas', 'xn---nas-4n5fh56h'],
  ['ラップトップ', 'xn--9ckao3dc7h'],
  ['한국', 'xn--3e0b707e'],
  ['mаc', 'mc'],
  ['сору', 'device'],
  ['', 'device'],
  ['   ', 'device'],
  ['...', 'device'],
  ['💻', 'device'],
  ['💻 mini', 'mini'],
  ['localhost', 'device'],
  ['localhost.localdomain', 'device'],
  ['10.0.0.1', 'device-10'],
  ['192', 'device-192'],
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

  it('that could be taken for one in use gets a number, too', () => {
    assert.equal(freeName('1aptop', ['laptop']), '1aptop-2')
    assert.equal(freeName('nas0', ['naso', 'nas0-2']), 'nas0-3')
    assert.equal(freeName('web1', ['web2', 'web10']), 'web1')
  })

  it('of other letters gets its number among them', () => {
    const [second, third] = ['xn---2-9kc0bng2ahc', 'xn---3-9kc0bng2ahc']
    assert.equal(freeName('xn--90asheufc', ['xn--90asheufc']), second)
    assert.equal(toUnicode(freeName('xn--90asheufc', ['xn--90asheufc', second])), 'ноутбук-3')
    assert.equal(freeName('xn--90asheufc', ['xn--90asheufc', second]), third)
    const long = nameFromHostName('я'.repeat(80))
    assert.ok(long.length <= 63 && freeName(long, [long]).length <= 63)
  })

  it('is a DNS label, free, and stays what it is, whatever the host name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 100 }), fc.nat(30), (hostName, others) => {
        const wanted = nameFromHostName(hostName)
        const used: string[] = []
        for (let i = 0; i <= others; i++) used.push(freeName(wanted, used))
        assert.equal(new Set(used).size, used.length)
        for (const name of used) {
          assert.match(name, /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/)
          assert.equal(nameFromHostName(wanted), wanted)
          if (name.startsWith('xn--'))
            assert.deepEqual(readDeviceLabel(toUnicode(name)), { kind: 'label', ascii: name })
        }
      }),
    )
  })
})
