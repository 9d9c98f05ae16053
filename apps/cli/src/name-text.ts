import { shownName } from '@weft/dns/names'
import { oneLine } from './failure.ts'

/** A name of the mesh, which others chose, for people to read. */
export const nameText = (name: string): string => shownName(oneLine(name))
