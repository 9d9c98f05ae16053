import { assertNever } from '@weft/base'
import type { CreatedLink, SelfStatus } from './agent-answers.ts'
import { oneLine } from './failure.ts'
import { reachabilityNote } from './reachability.ts'

export interface Announcement {
  readonly mesh: string
  readonly reachableAt: readonly string[]
  /** TCP. */
  readonly port: number
  readonly created: CreatedLink
  readonly node:
    | { readonly kind: 'member'; readonly self: SelfStatus }
    | { readonly kind: 'not-wanted' }
    | { readonly kind: 'not-root' }
    | { readonly kind: 'failed'; readonly reason: string }
}

/** What a user reads when `weft serve` is ready. @param code the link as a QR code of several lines. */
export function announcementLines(announcement: Announcement, code: string): readonly string[] {
  const { mesh, reachableAt, port, created } = announcement
  const reach = reachabilityNote(reachableAt, port)
  return [
    '',
    `Mesh ${mesh.slice(0, 8)} is ready at ${reachableAt.join(', ')}`,
    ...(reach === undefined ? [] : [reach]),
    nodeLine(announcement),
    '',
    'To let a device in, for 24 hours and once, type there (or scan):',
    '',
    `    sudo ./weft up '${created.link}'`,
    '',
    code.trimEnd(),
    '',
    'More links: weft link create. Ctrl-C stops the coordinator; devices keep talking to each other meanwhile.',
  ]
}

function nodeLine({ node }: Announcement): string {
  switch (node.kind) {
    case 'member':
      return `This machine is ${oneLine(node.self.name)}: ${node.self.addresses.join(', ')}`
    case 'not-wanted':
      return 'This machine is not a node of it (--no-node).'
    case 'not-root':
      return 'This machine is not a node of it yet, for that takes root: the command below works here too.'
    case 'failed':
      return `This machine is not a node of it: ${node.reason}`
    default:
      return assertNever(node)
  }
}
