/**
 * `link-process.ts SEED PORT PORT`: carries frames between two TAP ports of its namespace, each way in the weather that
 * was last told, a line of JSON (`LinkWeather`) on standard input. One thread, no event loop: it waits for both ports and
 * standard input in `ppoll`, whose time is finer than a millisecond.
 */
import { readSync } from 'node:fs'
import { instant, milliseconds } from '@weft/base'
import { addressOf, bind, bootMilliseconds, checked } from '@weft/native'
import { seededRandom, Way, type Weather } from '@weft/testing'
import type { LinkWeather } from './link.ts'

const open = bind('int open(str path, int flags)')
const ioctl = bind('int ioctl(int fd, ulong request, uintptr_t argument)')
const ppoll = bind('int ppoll(uintptr_t descriptors, ulong count, uintptr_t timeout, uintptr_t mask)')
const read = bind('intptr_t read(int fd, uintptr_t buffer, size_t length)')
const write = bind('intptr_t write(int fd, uintptr_t buffer, size_t length)')

const O_RDWR_NONBLOCK = 0o2 | 0o4000
const TUNSETIFF = 0x400454ca
const IFF_TAP_NO_PI = 0x0002 | 0x1000
const ETHERNET_HEADER = 14
const FRAME_BYTES = 65_536
const POLLIN = 1

const [seed = '', ...names] = process.argv.slice(2)
const frame = new Uint8Array(FRAME_BYTES)
const frameAddress = addressOf(frame)
const ports = names.map(openPort)
const random = seededRandom(Number(seed))
const ways = [0, 1].map(() => new Way<Uint8Array>({ random, weather: weatherOf({}) }))
const pollEntries = new DataView(new ArrayBuffer(3 * 8))
const timeout = new DataView(new ArrayBuffer(16))
;[...ports, 0].forEach((fd, i) => {
  pollEntries.setInt32(i * 8, fd, true)
  pollEntries.setInt16(i * 8 + 4, POLLIN, true)
})
let said = ''
let told = 0
console.log('ready')

for (;;) {
  wait()
  ways.forEach((way, i) => {
    if (isReadable(i)) takeIn(ports[i] as number, way)
  })
  if (isReadable(2) && !readWeather()) break
  const now = instant(bootMilliseconds())
  ways.forEach((way, i) => {
    for (let one = way.take(now); one !== undefined; one = way.take(now))
      write(ports[1 - i] as number, addressOf(one), one.length)
  })
}

function openPort(port: string): number {
  const fd = checked('open', open('/dev/net/tun', O_RDWR_NONBLOCK))
  const request = new Uint8Array(40)
  new TextEncoder().encodeInto(port, request)
  new DataView(request.buffer).setUint16(16, IFF_TAP_NO_PI, true)
  checked('TUNSETIFF', ioctl(fd, TUNSETIFF, addressOf(request)))
  return fd
}

/** Until something comes, or is due. */
function wait(): void {
  const due = Math.min(...ways.map((way) => way.nextTimeout() ?? Infinity))
  const left = Math.max(0, due - bootMilliseconds())
  timeout.setUint32(0, Math.floor(left / 1000), true)
  timeout.setUint32(8, Math.floor((left % 1000) * 1e6), true)
  const seen = ppoll(addressOf(pollEntries), 3, Number.isFinite(left) ? addressOf(timeout) : 0, 0)
  if (seen <= 0) for (let i = 0; i < 3; i++) pollEntries.setInt16(i * 8 + 6, 0, true)
}

function isReadable(i: number): boolean {
  return pollEntries.getInt16(i * 8 + 6, true) !== 0
}

function takeIn(port: number, way: Way<Uint8Array>): void {
  const now = instant(bootMilliseconds())
  for (let length = read(port, frameAddress, FRAME_BYTES); length > 0; length = read(port, frameAddress, FRAME_BYTES))
    way.send(frame.slice(0, length), length - ETHERNET_HEADER, now)
}

/** False: nobody will ever tell anything again. */
function readWeather(): boolean {
  const bytes = Buffer.alloc(4096)
  const length = readSync(0, bytes)
  said += bytes.toString('utf8', 0, length)
  for (let end = said.indexOf('\n'); end >= 0; end = said.indexOf('\n')) {
    const weather = weatherOf(JSON.parse(said.slice(0, end)))
    for (const way of ways) way.weather = weather
    said = said.slice(end + 1)
    console.log(`set ${++told}`)
  }
  return length > 0
}

function weatherOf({ delay = 0, jitter = 0, overtaking = 0, loss = 0, rate, mtu }: LinkWeather): Weather {
  return {
    loss,
    duplication: 0,
    leastDelay: milliseconds(delay),
    mostDelay: milliseconds(delay + jitter),
    overtaking,
    ...(rate === undefined ? {} : { rate }),
    ...(mtu === undefined ? {} : { mtu }),
  }
}
