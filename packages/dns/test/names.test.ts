import assert from 'node:assert/strict'
import { test } from 'node:test'
import { domainToASCII, domainToUnicode } from 'node:url'
import type { IpAddress } from '@weft/base'
import fc from 'fast-check'
import { lookalikeOf, readDeviceLabel, readDeviceText, refersTo, shownName, toAscii, toUnicode } from '../src/index.ts'

test('names of any one language are taken, and written as DNS wants', () => {
  for (const [name, ascii] of [
    ['nas', 'nas'],
    ['Laptop-2', 'laptop-2'],
    ['Bücher', 'xn--bcher-kva'],
    ['ñandú', 'xn--and-6ma2c'],
    ['日本', 'xn--wgv71a'],
    ['дом', 'xn--d1aqf'],
    ['ラップトップ', 'xn--9ckao3dc7h'],
  ] as const)
    assert.deepEqual(readDeviceLabel(name), { kind: 'label', ascii }, name)
})

test('what is no name is refused with the reason', () => {
  for (const [name, why] of [
    ['', /none/],
    ['my nas', /spaces/],
    ['nas.home', /dots/],
    ['google.com', /dots/],
    ['-nas', /hyphen/],
    ['nas_1', /_ is neither/],
    ['nas💻', /💻 is neither/],
    ['n\u200bas', /U\+200B/],
    ['a'.repeat(64), /63/],
    ['ü'.repeat(60), /63/],
    ['localhost', /something else/],
    ['LOCALHOST', /something else/],
    ['dns', /something else/],
    ['192', /number/],
    ['0x7f', /number/],
    ['a'.repeat(32), /id/],
    ['ab--c', /hyphens/],
    ['xn--zz', /hyphens|IDNA/],
  ] as const) {
    const read = readDeviceLabel(name)
    assert.equal(read.kind, 'refused', name)
    assert.match(read.kind === 'refused' ? read.why : '', why, name)
  }
})

test('names that could be taken for others are refused', () => {
  for (const name of ['nаs', 'аррӏе', 'xn--80ak6aa92e', 'νοι', 'lаptop', 'hоme'])
    assert.equal(readDeviceLabel(name).kind, 'refused', name)
  assert.equal(lookalikeOf('1aptop', ['nas', 'laptop']), 'laptop')
  assert.equal(lookalikeOf('nas0', ['naso']), 'naso')
  assert.equal(lookalikeOf('laptop', ['laptop', 'laptop-2']), undefined)
})

test('a label goes to the letters of the wire and back as Node.js does it', () => {
  const label = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  const script = fc.constantFrom(
    'büro',
    'straße',
    'дом',
    '书房',
    'ラップトップ',
    '한국',
    'ñandú',
    'नमस्ते',
    'שלום',
    'a-ü',
    '𠮷',
  )
  fc.assert(
    fc.property(fc.oneof(label, script), (text) => {
      const ascii = toAscii(text)
      if (ascii === undefined) return
      assert.equal(`${ascii}.weft`, domainToASCII(`${text}.weft`))
      assert.equal(`${toUnicode(ascii)}.weft`, domainToUnicode(`${ascii}.weft`))
    }),
  )
})

test('what is encoded badly is left as it is, whatever it is', () => {
  for (const label of ['xn--', 'xn---', 'xn--zz', 'xn--a', 'xn--99999999', 'xn--nas-', 'xn--Bcher-kva'])
    assert.equal(toUnicode(label), label)
  fc.assert(
    fc.property(fc.stringMatching(/^xn--[a-z0-9-]{0,59}$/), (label) => {
      const unicode = toUnicode(label)
      assert.ok(unicode === label || toAscii(unicode) === label)
    }),
  )
})

test('a name is shown in its own letters, but not where it could deceive', () => {
  for (const [name, shown] of [
    ['nas', 'nas'],
    ['xn--bro-hoa', 'büro'],
    ['photos.xn--bro-hoa.weft', 'photos.büro.weft'],
    ['_acme-challenge.xn--d1aqf', '_acme-challenge.дом'],
    // аррӏе of Cyrillic letters alone, and lаptop with one among ours.
    ['xn--80ak6aa92e', 'xn--80ak6aa92e'],
    ['xn--lptop-4ve', 'xn--lptop-4ve'],
    ['xn--zz', 'xn--zz'],
  ] as const)
    assert.equal(shownName(name), shown)
})

test('a device is meant by name, with the domain or below it, by address and by id, however they are written', () => {
  const id = '0123456789abcdef0123456789abcdef'
  const addresses = ['100.64.0.7', 'fd00::7'] as IpAddress[]
  const means = (text: string, name: string) => {
    const meant = readDeviceText(text, 'weft')
    return meant !== undefined && refersTo(meant, { id, name, addresses })
  }
  for (const text of ['nas', 'NAS', 'nas.', 'nas.weft', 'Nas.Weft.', 'photos.nas.weft', 'a.b.nas.weft'])
    assert.ok(means(text, 'nas'), text)
  for (const text of ['büro', 'BÜRO', 'bu\u0308ro.weft', 'xn--bro-hoa', 'fotos.büro.weft'])
    assert.ok(means(text, 'xn--bro-hoa'), text)
  for (const text of ['100.64.0.7', 'fd00::7', 'FD00:0::7', id, id.toUpperCase()]) assert.ok(means(text, 'nas'), text)
  for (const text of ['', '.', 'weft', '.weft', 'nas.example', 'photos.nas', 'nas weft', 'nas@x', '100.64.0.8', 'nаs'])
    assert.ok(!means(text, 'nas'), text)
})
