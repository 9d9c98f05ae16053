import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidArgumentError } from 'commander'
import {
  collectTag,
  parseCount,
  parseInterfaceName,
  parseInterval,
  parseListen,
  parsePort,
  parseRange,
  parseUrl,
} from '../src/arguments.ts'

const refuses = (parse: (text: string) => unknown, ...texts: readonly string[]): void => {
  for (const text of texts) assert.throws(() => parse(text), InvalidArgumentError, `${parse.name} ${text}`)
}

test('a place to listen at has a host and a port', () => {
  assert.deepEqual(parseListen('[::]:7480'), { host: '::', port: 7480 })
  assert.deepEqual(parseListen('0.0.0.0:0'), { host: '0.0.0.0', port: 0 })
  assert.deepEqual(parseListen('localhost:65535'), { host: 'localhost', port: 65535 })
  refuses(parseListen, '7480', ':7480', '::7480', '[1.2.3.4]:7480', '[]:1', 'a:65536', 'a:', 'a b:1', 'a:-1', 'a:1:2')
})

test('a port is from 1 to 65535', () => {
  assert.equal(parsePort('7481'), 7481)
  refuses(parsePort, '0', '65536', '-1', '07', '1.5', 'x', '')
})

test('an interface’s name is one that the kernel takes', () => {
  assert.equal(parseInterfaceName('weft0'), 'weft0')
  refuses(parseInterfaceName, '', '.', '..', 'a/b', 'a b', 'a:1', 'weft%d', '1234567890123456')
})

test('a public URL is plain http or https', () => {
  assert.equal(parseUrl('https://mesh.example.org/weft'), 'https://mesh.example.org/weft')
  refuses(parseUrl, 'mesh.example.org', 'ftp://a', 'https://u@a', 'https://a/?q', 'https://a/#f', 'javascript:1')
})

test('a range is an IPv4 prefix without host bits', () => {
  assert.equal(parseRange('100.100.64.0/18'), '100.100.64.0/18')
  refuses(parseRange, '100.100.64.1/18', 'fd00::/8', '100.100.64.0/33', 'x')
})

test('a count and an interval are within bounds', () => {
  assert.equal(parseCount('3'), 3)
  refuses(parseCount, '0', '-1', '1.5', 'x', '9999999999')
  assert.equal(parseInterval('0.2'), 200)
  assert.equal(parseInterval('5'), 5000)
  refuses(parseInterval, '0', '0.01', '3601', '-1', 'x', '1e3')
})

test('tags are gathered, each one a label', () => {
  assert.deepEqual(collectTag('web', ['lab']), ['lab', 'web'])
  refuses((text) => collectTag(text, []), '', 'Web', 'a b', '-a', 'a-', 'a'.repeat(33))
})
