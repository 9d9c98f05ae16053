/*
 *   one ── link ── switch ── two
 */
import assert from 'node:assert/strict'
import { type Lab, type Link, type LinkWeather, labTest, type Machine, packetLoss } from '../src/index.ts'

interface Pair {
  readonly one: Machine
  readonly two: Machine
  readonly link: Link
}

async function pair(lab: Lab, weather: LinkWeather = {}): Promise<Pair> {
  const network = lab.switch('net', { v4: '192.0.2.0/24', v6: '2001:db8::/64' })
  const [one, two] = [lab.machine('one', { on: network }), lab.machine('two', { on: network })]
  const link = await network.insertLink(one)
  // So that both know each other's hardware address.
  await one.ok('ping', '-n', '-c', '1', '-W', '5', two.address)
  await link.set(weather)
  return { one, two, link }
}

/** Round trips in ms, in the order of their answers, by number. */
async function pings(from: Machine, to: Machine, count: number, options: readonly string[] = []) {
  const { stdout } = await from.run('ping', '-n', '-i', '0.01', '-W', '2', '-c', String(count), ...options, to.address)
  const answers = [...stdout.matchAll(/icmp_seq=(\d+) .*time=([\d.]+) ms/g)]
  return { answers: answers.map(([, seq, time]) => ({ seq: Number(seq), ms: Number(time) })), loss: packetLoss(stdout) }
}

labTest('a link without weather passes all, at once', async (lab) => {
  const { one, two } = await pair(lab)
  const { answers, loss } = await pings(one, two, 50)
  assert.equal(loss, 0)
  assert.ok(median(answers) < 20, `${median(answers)} ms`)
})

labTest('a link delays each way by as much as it was told, and from then on by another', async (lab) => {
  const { one, two, link } = await pair(lab, { delay: 40 })
  assert.ok(isAbout(median((await pings(one, two, 20)).answers), 80))
  await link.set({ delay: 10 })
  assert.ok(isAbout(median((await pings(one, two, 20)).answers), 20))
})

labTest('jitter keeps the order, and what overtakes breaks it', async (lab) => {
  const { one, two, link } = await pair(lab, { delay: 5, jitter: 60 })
  const { answers } = await pings(one, two, 100)
  assert.equal(answers.length, 100)
  assert.deepEqual(
    answers,
    answers.toSorted((a, b) => a.seq - b.seq),
  )
  assert.ok(Math.max(...answers.map(({ ms }) => ms)) - Math.min(...answers.map(({ ms }) => ms)) > 30)
  await link.set({ delay: 5, jitter: 60, overtaking: 0.2 })
  const broken = (await pings(one, two, 100)).answers
  assert.notDeepEqual(
    broken,
    broken.toSorted((a, b) => a.seq - b.seq),
  )
})

labTest('a link loses about as often as it was told', async (lab) => {
  const { one, two, link } = await pair(lab, { loss: 0.2 })
  // Both ways pass: 1 - 0.8².
  const { loss } = await pings(one, two, 400)
  assert.ok(loss > 26 && loss < 46, `${loss} %`)
  await link.set({ loss: 1 })
  assert.equal((await pings(one, two, 3)).loss, 100)
  await link.set({})
  assert.equal((await pings(one, two, 3)).loss, 0)
})

labTest('what is longer than the link’s MTU vanishes, and nobody is told', async (lab) => {
  const { one, two } = await pair(lab, { mtu: 1300 })
  const header = 28
  assert.equal((await pings(one, two, 3, ['-s', String(1300 - header), '-M', 'do'])).loss, 0)
  const { stdout } = await one.run(
    'ping',
    '-n',
    '-c',
    '3',
    '-i',
    '0.1',
    '-W',
    '1',
    '-s',
    '1273',
    '-M',
    'do',
    two.address,
  )
  assert.equal(packetLoss(stdout), 100)
  assert.doesNotMatch(stdout, /Frag|too long|unreachable/i)
})

labTest('a link with a rate carries as much TCP as that', async (lab) => {
  const { one, two } = await pair(lab, { rate: 20_000_000, delay: 5 })
  const server = two.spawn('iperf3', '-s', '-1', '--forceflush')
  await server.line(/listening/)
  const { end } = JSON.parse(await one.ok('iperf3', '-c', two.address, '-t', '3', '-J'))
  const mbps = end.sum_received.bits_per_second / 1e6
  assert.ok(mbps > 12 && mbps < 20, `${mbps} Mb/s`)
})

function median(answers: readonly { readonly ms: number }[]): number {
  return answers.map(({ ms }) => ms).toSorted((a, b) => a - b)[Math.floor(answers.length / 2)] ?? Number.NaN
}

/** Not less, and hardly more, also on a machine that does something else. */
const isAbout = (ms: number, wanted: number): boolean => ms >= wanted && ms < wanted + 20
