import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AskingMachine, type Decoded, mesh, question, rcodeOf, withOpt } from './asking.ts'

test('a device has its addresses, and so has whatever is below its name', () => {
  const machine = new AskingMachine()
  for (const name of ['nas.weft', 'photos.nas.weft', 'a.b.nas.weft', '_http._tcp.nas.weft']) {
    assert.deepEqual(dataOf(machine.ask(name, 'A')), ['100.96.64.2'])
    assert.deepEqual(dataOf(machine.ask(name, 'AAAA')), ['fd12:3456:789a::2'])
  }
})

test('letters of either case ask for the same, and come back as they were', () => {
  const answer = new AskingMachine().ask('PhoTos.NAS.wEft', 'A')
  assert.equal(answer.questions?.[0]?.name, 'PhoTos.NAS.wEft')
  assert.equal(answer.answers?.[0]?.name, 'PhoTos.NAS.wEft')
})

test('an answer holds for a minute and has authority', () => {
  const answer = new AskingMachine().ask('nas.weft', 'A')
  assert.equal(answer.flag_aa, true)
  assert.equal(answer.flag_ra, true)
  assert.equal((answer.answers[0] as { ttl?: number } | undefined)?.ttl, 5)
})

test('a name without such a record has an SOA that says for how long', () => {
  const answer = new AskingMachine().ask('nas.weft', 'MX')
  assert.equal(answer.rcode, 'NOERROR')
  assert.deepEqual(answer.answers, [])
  const [soa] = answer.authorities ?? []
  assert.equal(soa?.type, 'SOA')
  assert.deepEqual([soa?.name, (soa as { ttl?: number }).ttl], ['weft', 5])
})

test('a name that is not there is denied, also below a record that is no device', () => {
  const machine = new AskingMachine()
  for (const name of ['nowhere.weft', 'x.git.weft', 'dnsx.weft']) {
    const answer = machine.ask(name, 'A')
    assert.equal(answer.rcode, 'NXDOMAIN', name)
    assert.equal(answer.authorities?.[0]?.type, 'SOA')
  }
})

test('a name that others are below of is there, with nothing at it', () => {
  const answer = new AskingMachine().ask('b.weft', 'A')
  assert.equal(answer.rcode, 'NOERROR')
  assert.equal(answer.authorities?.[0]?.type, 'SOA')
})

test('the domain itself has its SOA and its server', () => {
  const machine = new AskingMachine()
  assert.equal(machine.ask('weft', 'SOA').answers?.[0]?.type, 'SOA')
  assert.deepEqual(dataOf(machine.ask('weft', 'NS')), ['dns.weft'])
  assert.deepEqual(dataOf(machine.ask('dns.weft', 'A')), ['100.96.64.53'])
  assert.deepEqual(dataOf(machine.ask('dns.weft', 'AAAA')), ['fd12:3456:789a::53'])
})

test('an alias leads to the addresses', () => {
  const answer = new AskingMachine().ask('www.weft', 'AAAA')
  assert.deepEqual(
    answer.answers?.map(({ name, type }) => [name, type]),
    [
      ['www.weft', 'CNAME'],
      ['nas.weft', 'AAAA'],
    ],
  )
})

test('an alias that leads nowhere is denied, one that leads to nothing of the type is empty, and a circle fails', () => {
  const machine = new AskingMachine()
  assert.equal(machine.ask('lost.weft', 'A').rcode, 'NXDOMAIN')
  assert.equal(machine.ask('www.weft', 'MX').authorities?.[0]?.type, 'SOA')
  assert.equal(machine.ask('circle.weft', 'A').rcode, 'SERVFAIL')
})

test('addresses have their names, in IPv4 and IPv6', () => {
  const machine = new AskingMachine()
  assert.deepEqual(dataOf(machine.ask('2.64.96.100.in-addr.arpa', 'PTR')), ['nas.weft'])
  assert.deepEqual(dataOf(machine.ask(`2${'.0'.repeat(19)}.a.9.8.7.6.5.4.3.2.1.d.f.ip6.arpa`, 'PTR')), ['nas.weft'])
  assert.deepEqual(dataOf(machine.ask('53.64.96.100.in-addr.arpa', 'PTR')), ['dns.weft'])
})

test('an address of nobody in the mesh is denied, and one outside of it is not ours to answer', () => {
  const machine = new AskingMachine()
  for (const name of ['9.64.96.100.in-addr.arpa', 'x.64.96.100.in-addr.arpa', '1.2.64.96.100.in-addr.arpa'])
    assert.equal(machine.ask(name, 'PTR').rcode, 'NXDOMAIN', name)
  assert.equal(machine.ask('9.0.97.100.in-addr.arpa', 'PTR').rcode, 'REFUSED')
  assert.equal(machine.ask('0.a.9.8.7.6.5.4.3.2.1.d.f.ip6.arpa', 'PTR').rcode, 'NOERROR')
  assert.equal(machine.ask('f.a.9.8.7.6.5.4.3.2.1.d.f.ip6.arpa', 'PTR').rcode, 'NXDOMAIN')
})

test('a change of the netmap is answered from the next question on', () => {
  const machine = new AskingMachine()
  machine.ask('nas.weft', 'A')
  machine.names = [{ ...mesh, devices: [{ name: 'attic', addresses: mesh.devices[1]?.addresses ?? [] }] }]
  assert.equal(machine.ask('nas.weft', 'A').rcode, 'NXDOMAIN')
  assert.deepEqual(dataOf(machine.ask('attic.weft', 'A')), ['100.96.64.2'])
})

test('what is longer than the asker takes is truncated', () => {
  const machine = new AskingMachine()
  const records = Array.from({ length: 40 }, (_, i) => ({ name: 'many', type: 'A', value: `10.0.0.${i}` }) as const)
  machine.names = [{ ...mesh, records }]
  const plain = machine.ask('many.weft', 'A')
  assert.equal(plain.flag_tc, true)
  assert.deepEqual(plain.answers, [])
  const roomy = machine.ask('many.weft', 'A', withOpt(4096))
  assert.equal(roomy.flag_tc, false)
  assert.equal(roomy.answers?.length, 40)
  assert.equal(roomy.additionals?.[0]?.type, 'OPT')
})

test('a newer EDNS than ours is refused by its own code', () => {
  const reply = new AskingMachine().exchange(question('nas.weft', 'A', withOpt(1232, 1)))
  assert.ok(reply !== undefined)
  const opt = reply.subarray(-11)
  assert.deepEqual([rcodeOf(reply), opt[5]], [0, 1])
})

test('nobody but this machine is answered, and nothing but the port of DNS', () => {
  const machine = new AskingMachine()
  const message = question('nas.weft', 'A')
  assert.ok(machine.exchange(message) !== undefined)
  assert.ok(machine.exchange(message, { source: 'fd12:3456:789a::1', destination: 'fd12:3456:789a::53' }) !== undefined)
  assert.equal(machine.exchange(message, { source: '100.96.64.2' }), undefined)
  assert.equal(machine.exchange(message, { source: '192.168.1.9' }), undefined)
  assert.equal(machine.exchange(message, { port: 5353 }), undefined)
})

test('transfers, other classes and other operations are refused', () => {
  const machine = new AskingMachine()
  assert.equal(machine.ask('weft', 'AXFR').rcode, 'REFUSED')
  const chaos = question('version.bind', 'TXT')
  chaos[chaos.length - 1] = 3
  assert.equal(rcodeOf(machine.exchange(chaos) ?? chaos), 5)
  const notify = question('weft', 'SOA')
  notify[2] = 0x20
  assert.equal(rcodeOf(machine.exchange(notify) ?? notify), 4)
})

test('what is no question is not answered, and what is a broken one is told so', () => {
  const machine = new AskingMachine()
  const message = question('nas.weft', 'A')
  const answer = message.slice()
  answer[2] = 0x81
  assert.equal(machine.exchange(answer), undefined)
  for (let length = 0; length < message.length; length++) {
    const reply = machine.exchange(message.slice(0, length))
    if (length < 12) assert.equal(reply, undefined)
    else assert.deepEqual([reply?.length, reply?.[3]], [12, 1])
  }
})

function dataOf({ answers = [] }: Decoded): unknown[] {
  return answers.map((each) => ('data' in each ? each.data : undefined))
}
