import assert from 'node:assert/strict'
import { test } from 'node:test'
import { domainToASCII, domainToUnicode } from 'node:url'
import { type Idna, lookalikeOf, readDeviceLabel } from '../src/index.ts'

const idna: Idna = {
  toAscii: (label) => domainToASCII(`${label}.weft`).slice(0, -'.weft'.length) || undefined,
  toUnicode: (label) => domainToUnicode(`${label}.weft`).slice(0, -'.weft'.length),
}

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
    assert.deepEqual(readDeviceLabel(name, idna), { kind: 'label', ascii }, name)
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
    const read = readDeviceLabel(name, idna)
    assert.equal(read.kind, 'refused', name)
    assert.match(read.kind === 'refused' ? read.why : '', why, name)
  }
})

test('names that could be taken for others are refused', () => {
  for (const name of ['nаs', 'аррӏе', 'xn--80ak6aa92e', 'νοι', 'lаptop', 'hоme'])
    assert.equal(readDeviceLabel(name, idna).kind, 'refused', name)
  assert.equal(lookalikeOf('1aptop', ['nas', 'laptop'], idna), 'laptop')
  assert.equal(lookalikeOf('nas0', ['naso'], idna), 'naso')
  assert.equal(lookalikeOf('laptop', ['laptop', 'laptop-2'], idna), undefined)
})
