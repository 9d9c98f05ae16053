/** Run in an empty network namespace: compares with the kernel what is cut and joined. Prints a line for each kind of packet. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { addressOf } from '@weft/native'
import { Coalescer, Segmenter, VIRTIO_HEADER } from '@weft/packet'
import { type BigPacket, bigPacket, segmentsOf, virtioHeaderOf } from '../../../packages/packet/test/big-packet.ts'
import type { PacketPort } from '../src/packet-port.ts'
import { openTun } from '../src/tun-device.ts'
import { until } from './until.ts'

const SLOT = 2048
const GATHERED = 80 * SLOT
const CUT = GATHERED + 70_000
const memory = new Uint8Array(CUT + 70_000)

const big = openTun('big', 1500).port
// What is forwarded to it is cut by the kernel.
const small = openTun('small', 1500, true).port
assert.deepEqual(big.offloads, { virtioHeader: true, udpSegments: true })
for (const [name, number] of [
  ['big', 20],
  ['small', 30],
] as const) {
  execFileSync('ip', ['addr', 'add', `10.${number}.0.1/24`, 'dev', name])
  execFileSync('ip', ['addr', 'add', `fd${number}::1/64`, 'dev', name, 'nodad'])
  execFileSync('ip', ['link', 'set', name, 'up'])
}
writeFileSync('/proc/sys/net/ipv4/ip_forward', '1')
writeFileSync('/proc/sys/net/ipv6/conf/all/forwarding', '1')

for (const version of [4, 6] as const)
  for (const protocol of ['tcp', 'udp'] as const) {
    const packet: BigPacket = {
      version,
      protocol,
      segmentSize: 1301,
      data: crypto.getRandomValues(new Uint8Array(50_001)),
      flags: 0x18,
      identification: 0xfff0,
      sequence: 0xffff_0000,
      options: new Uint8Array(12).fill(1),
    }
    const forwarded: BigPacket = { ...packet, ttl: 63 }
    const expected = segmentsOf(forwarded)
    assert.deepEqual(ourCuts(forwarded), expected)
    writeBig(packet)
    assert.deepEqual(await readAll(small, expected.length), expected)
    joinAndWrite(segmentsOf(packet))
    assert.deepEqual(await readAll(small, expected.length), expected)
    console.log(`${protocol}${version} ${expected.length} segments`)
  }
big.close()
small.close()

function ourCuts(packet: BigPacket): Uint8Array[] {
  const bytes = bigPacket(packet)
  memory.set(bytes, GATHERED)
  const segmenter = new Segmenter(memory)
  assert.ok(segmenter.begin(GATHERED, bytes.length, virtioHeaderOf(packet), 65_535))
  const cuts: Uint8Array[] = []
  for (let length = segmenter.nextLength; length > 0; length = segmenter.nextLength) {
    segmenter.next(CUT)
    cuts.push(memory.slice(CUT, CUT + length))
  }
  return cuts
}

function writeBig(packet: BigPacket): void {
  const bytes = bigPacket(packet)
  virtioHeaderOf(packet).write(memory, GATHERED)
  memory.set(bytes, GATHERED + VIRTIO_HEADER)
  assert.ok(big.write(addressOf(memory) + GATHERED, VIRTIO_HEADER + bytes.length))
}

function joinAndWrite(packets: readonly Uint8Array[]): void {
  let writes = 0
  const coalescer = new Coalescer(
    memory,
    {
      deliver: () => assert.fail('a packet stayed alone'),
      deliverParts: (parts) => {
        for (let i = 0; i < parts.count; i++) big.addPart(addressOf(memory) + parts.offset(i), parts.length(i))
        assert.ok(big.writeParts())
        writes += 1
      },
    },
    { joinsUdp: true },
  )
  packets.forEach((packet, i) => {
    const at = i * SLOT + 16
    memory.set(packet, at)
    assert.ok(coalescer.join(at, packet.length, 0) || coalescer.begin(at, packet.length, 0))
  })
  coalescer.flush()
  assert.equal(writes, 1)
}

/** The next packets of the kinds in question; the kernel also speaks for itself. */
async function readAll(port: PacketPort, count: number): Promise<Uint8Array[]> {
  const packets: Uint8Array[] = []
  await until(`${count} packets`, () => {
    for (;;) {
      const length = port.read(addressOf(memory), GATHERED)
      if (length === 0) break
      const packet = memory.slice(0, length)
      const protocol = packet[0] === 0x45 ? packet[9] : packet[6]
      if (protocol === 6 || protocol === 17) packets.push(packet)
    }
    return packets.length >= count ? true : undefined
  })
  return packets
}
