import { viewOf } from './bytes.ts'

/** Where randomness comes from: the system's generator in programs, a seeded one in tests. */
export interface Random {
  fill(bytes: Uint8Array): void
}

export function randomBytes(random: Random, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  random.fill(bytes)
  return bytes
}

export function randomUint32(random: Random): number {
  return viewOf(randomBytes(random, 4)).getUint32(0)
}

/** Uniform in [0, 1) with 32 bits. */
export function randomFraction(random: Random): number {
  return randomUint32(random) / 2 ** 32
}
