/** Datagrams back to back: each is `stride` bytes long, but for the last, which may be shorter. */
export interface DatagramRun {
  readonly bytes: Uint8Array
  readonly stride: number
}

export const runOf = (datagram: Uint8Array): DatagramRun => ({ bytes: datagram, stride: datagram.length })

/** How many datagrams it has; an empty one is one, too. */
export const datagramCount = ({ bytes, stride }: DatagramRun): number =>
  Math.max(1, Math.ceil(bytes.length / stride) || 0)

/** Each datagram, as a view. */
export function datagramsOf(run: DatagramRun): readonly Uint8Array[] {
  return Array.from({ length: datagramCount(run) }, (_, i) => run.bytes.subarray(i * run.stride, (i + 1) * run.stride))
}
