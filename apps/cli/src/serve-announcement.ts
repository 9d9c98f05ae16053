import { styleText } from 'node:util'
import { assertNever } from '@weft/base'
import type { SeenFromOutside } from '@weft/coordinator'
import type { CreatedLink, SelfStatus } from './agent-answers.ts'
import { oneLine } from './failure.ts'
import { outsideNote, reachabilityNote } from './reachability.ts'

export interface Announcement {
  readonly mesh: string
  readonly reachableAt: readonly string[]
  /** TCP. */
  readonly port: number
  readonly outside: SeenFromOutside
  /** Missing where the root key was moved off the server, which makes no links then. */
  readonly created?: CreatedLink
  readonly node:
    | { readonly kind: 'member'; readonly self: SelfStatus }
    | { readonly kind: 'not-wanted' }
    | { readonly kind: 'not-root' }
    | { readonly kind: 'failed'; readonly reason: string }
}

/** What a user reads when `weft serve` is ready. @param code the link as a QR code of several lines. */
export function announcementLines(announcement: Announcement, code: string): readonly string[] {
  const { mesh, reachableAt, port, created } = announcement
  const reach = outsideNote(announcement.outside, reachableAt) ?? reachabilityNote(reachableAt, port) ?? UNTESTED
  return [
    '',
    // Above all else, so that the link is still to be seen where the code fills the terminal.
    ...(code === '' ? [] : [...linesOf(code), '']),
    `Mesh ${mesh.slice(0, 8)} is ready at ${reachableAt.join(', ')}`,
    reach,
    nodeLine(announcement),
    '',
    ...(created === undefined ? [ROOT_MOVED] : linkLines(created, code !== '')),
    'Ctrl-C stops the coordinator; devices keep talking to each other meanwhile.',
  ]
}

const UNTESTED = 'Reached from outside: not tested, for the mesh has no relay elsewhere.'

const ROOT_MOVED =
  'The root key was moved off this server. To let a device in: weft link create on a device that holds it, or with --root FILE.'

const linkLines = ({ link }: CreatedLink, hasCode: boolean): readonly string[] => [
  `To let a device in, for 24 hours and once, type there${hasCode ? ' (the code is the same)' : ''}:`,
  '',
  `    ${styleText('bold', `sudo ./weft up '${link}'`)}`,
  '',
  'More links: weft link create.',
]

// biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal's colours begin with one
const EMPTY_END = /\n(?:\u001b\[\d+m)*$/

/** Without the empty one at its end. */
const linesOf = (code: string): readonly string[] => code.trimEnd().replace(EMPTY_END, '\u001b[0m').split('\n')

function nodeLine({ node, created }: Announcement): string {
  switch (node.kind) {
    case 'member':
      return `This machine is ${oneLine(node.self.name)}: ${node.self.addresses.join(', ')}`
    case 'not-wanted':
      return 'This machine is not a node of it (--no-node).'
    case 'not-root':
      return `This machine is not a node of it yet, for that takes root${created === undefined ? '.' : ': the command below works here too.'}`
    case 'failed':
      return `This machine is not a node of it: ${node.reason}`
    default:
      return assertNever(node)
  }
}
