import assert from 'node:assert/strict'
import { concatBytes, utf8 } from '@weft/base'
import { IkInitiator, IkResponder, type NoiseTransport } from '@weft/noise'
import { ChannelInitiator, type ChannelOutput, ChannelResponder, type ResponderOutput } from '../src/index.ts'
import {
  aliceChannelKey,
  at,
  channelCertificate,
  coordinatorKey,
  countingRandom,
  crypto,
  START,
  serverChannelKey,
} from './fixture.ts'

type End = ChannelInitiator | ChannelResponder
type OutputOf<E extends End> = E extends ChannelInitiator ? ChannelOutput : ResponderOutput

export function initiator(change: { at?: number } = {}): ChannelInitiator {
  return new ChannelInitiator({
    crypto,
    random: countingRandom(3),
    coordinatorKey: coordinatorKey.publicKey(crypto),
    channelKey: aliceChannelKey,
    at: at(change.at ?? START),
  })
}

export function responder(change: { seed?: number } = {}): ChannelResponder {
  const random = countingRandom(change.seed ?? 5)
  return new ChannelResponder({ crypto, random, channelKey: serverChannelKey, certificate: channelCertificate() })
}

/** Alice's end is open, the coordinator's waits for its first frame. */
export function openPair(options: { seen?: (frame: Uint8Array) => void } = {}) {
  const alice = initiator()
  const coordinator = responder()
  carry(coordinator, alice, options.seen)
  carry(alice, coordinator, options.seen)
  assert.deepEqual(kinds(carry(coordinator, alice, options.seen)), ['open'])
  return { alice, coordinator }
}

/** A whole handshake through someone who changes frames; what either end says besides frames. */
export function attempt(change: (frame: Uint8Array) => Uint8Array): readonly string[] {
  const alice = initiator()
  const coordinator = responder()
  const said: (ChannelOutput | ResponderOutput)[] = []
  for (let round = 0; round < 2; round++) {
    for (const frame of framesOf(coordinator, said)) alice.receive(change(frame))
    for (const frame of framesOf(alice, said)) coordinator.receive(change(frame))
  }
  return kinds([...said, ...drain(alice), ...drain(coordinator)])
}

export function rawNoise(): IkInitiator {
  return new IkInitiator({
    crypto,
    random: countingRandom(3),
    prologue: concatBytes(utf8('weft channel 1\0'), channelCertificate()),
    localPrivateKey: aliceChannelKey,
    remotePublicKey: serverChannelKey.publicKey(crypto),
  })
}

export function rawResponder(): IkResponder {
  const prologue = concatBytes(utf8('weft channel 1\0'), channelCertificate())
  return new IkResponder({ crypto, random: countingRandom(5), prologue, localPrivateKey: serverChannelKey })
}

/** A node that keeps to the handshake and then seals what it likes. */
export function rawInitiator(payload = Uint8Array.of(1)): {
  transport: NoiseTransport
  version: number | undefined
  coordinator: ChannelResponder
} {
  const noise = rawNoise()
  const coordinator = responder()
  drain(coordinator)
  coordinator.receive(noise.writeFirst(payload))
  const [answer = new Uint8Array()] = framesOf(coordinator)
  const second = noise.readSecond(answer)
  assert.ok(second)
  return { transport: second.transport, version: second.payload[0], coordinator }
}

/** Brings all frames over; what the receiver says besides frames, which it keeps. */
export function carry<From extends End, To extends End>(
  from: From,
  to: To,
  seen?: (frame: Uint8Array) => void,
): OutputOf<To>[] {
  const said: (ChannelOutput | ResponderOutput)[] = []
  for (const frame of framesOf(from)) {
    seen?.(frame)
    to.receive(frame)
  }
  const kept: Uint8Array[] = []
  for (const output of drain(to)) {
    if (output.kind === 'frame') kept.push(output.frame)
    else said.push(output)
  }
  held.set(to, kept)
  return said as OutputOf<To>[]
}

/** Frames that an end gave out while it was being told something. */
const held = new WeakMap<End, Uint8Array[]>()

export function framesOf(end: End, said: (ChannelOutput | ResponderOutput)[] = []): Uint8Array[] {
  const frames = held.get(end) ?? []
  held.delete(end)
  for (const output of drain(end)) {
    if (output.kind === 'frame') frames.push(output.frame)
    else said.push(output)
  }
  return frames
}

export function drain(end: End): (ChannelOutput | ResponderOutput)[] {
  const outputs: (ChannelOutput | ResponderOutput)[] = []
  for (let output = end.poll(); output !== undefined; output = end.poll()) outputs.push(output)
  return outputs
}

export function kinds(outputs: readonly (ChannelOutput | ResponderOutput)[]): readonly string[] {
  return outputs.flatMap((output) => {
    if (output.kind === 'failed') return [`failed ${output.reason}`]
    return output.kind === 'message' ? [`message ${output.text}`] : [output.kind]
  })
}

export function flip(bytes: Uint8Array, i: number): Uint8Array {
  const copy = bytes.slice()
  copy[i] = (copy[i] ?? 0) ^ (1 << (i % 8))
  return copy
}
