import { randomBytes } from 'node:crypto'

const LONGEST_DATAGRAM = 1500

/** Random bytes of every length, a fifth with each of WireGuard's types at their front, and one of each true length. */
export function junk(): string {
  const lines: string[] = []
  for (let length = 1; length <= LONGEST_DATAGRAM; length++) {
    const bytes = randomBytes(length)
    if (length % 5 !== 0 && length >= 4) bytes.writeUInt32LE(length % 5)
    lines.push(bytes.toString('hex'))
  }
  for (const [type, length] of [
    [1, 148],
    [2, 92],
    [3, 64],
    [4, 32],
  ] as const) {
    const bytes = randomBytes(length)
    bytes.writeUInt32LE(type)
    lines.push(bytes.toString('hex'))
  }
  return `${lines.join('\n')}\n`
}
