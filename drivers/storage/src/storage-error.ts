import { RowError } from './rows.ts'

export type StorageErrorCode =
  /** The file is no database, or its pages do not hold together. It was left as it is. */
  | 'database-corrupt'
  /** A database of another program. It was left as it is. */
  | 'database-foreign'
  /** Written by a newer weft. It was left as it is. */
  | 'database-newer'
  /** What was written last lies beside a database that is not there. It was left as it is. */
  | 'database-missing'
  | 'database-busy'
  /** The disk is. What was committed before still holds. */
  | 'database-full'
  /** The system refused: permission, the disk. What was committed before still holds. */
  | 'database-failed'

/** Something about the database that its owner must look at. The message says what, why, and what to do. */
export class StorageError extends Error {
  override readonly name = 'StorageError'
  readonly code: StorageErrorCode
  /** The why alone, where the message was made of it. */
  readonly detail: string | undefined

  constructor(code: StorageErrorCode, message: string, { cause, detail }: { cause?: unknown; detail?: string } = {}) {
    super(message, { cause })
    this.code = code
    this.detail = detail
  }
}

// Primary result codes: https://sqlite.org/rescode.html
const SQLITE_ERROR = 1
const SQLITE_BUSY = 5
const SQLITE_LOCKED = 6
const SQLITE_READONLY = 8
const SQLITE_CORRUPT = 11
const SQLITE_FULL = 13
const SQLITE_CANTOPEN = 14
const SQLITE_CONSTRAINT = 19
const SQLITE_NOTADB = 26

const MAX_DETAIL_LENGTH = 200

export function corruptError(path: string, found: string, cause?: unknown): StorageError {
  const detail = oneLine(found)
  return new StorageError(
    'database-corrupt',
    `${path} is corrupt (${detail}) and was left as it is: move it away with its -wal, if there is one, and restore a backup (weft serve --restore FILE)`,
    { cause, detail },
  )
}

/** What SQLite says may hold parts of the file. */
function oneLine(detail: string): string {
  const line = detail.replace(/[\p{C}\p{Z}]+/gu, ' ').trim()
  return line.length > MAX_DETAIL_LENGTH ? `${line.slice(0, MAX_DETAIL_LENGTH)}…` : line
}

/** An error of SQLite, of a row or of the file system as a `StorageError` that names the file; any other as it is. */
export function storageErrorOf(path: string, error: unknown): unknown {
  if (error instanceof RowError) return corruptError(path, error.message, error)
  if (!(error instanceof Error) || !('errcode' in error || 'syscall' in error)) return error
  const reason = error.message
  switch (primaryCode(error)) {
    // No such table or column: our own statements fit the schema.
    case SQLITE_ERROR:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return corruptError(path, reason, error)
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return new StorageError('database-busy', `${path} is in use by another program; stop that one first`, {
        cause: error,
      })
    case SQLITE_FULL:
      return new StorageError('database-full', `cannot write ${path}: the disk is full; make room and try again`, {
        cause: error,
      })
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
      return new StorageError('database-failed', `cannot open ${path} for writing: check its owner and mode`, {
        cause: error,
      })
    default:
      if ('code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT'))
        return new StorageError('database-full', `cannot write ${path}: the disk is full; make room and try again`, {
          cause: error,
        })
      return new StorageError('database-failed', `cannot use ${path}: ${oneLine(reason)}`, { cause: error })
  }
}

/** Whether the database itself failed: a statement that the schema forbids is its caller's fault. */
export function isFailure(error: unknown): boolean {
  const code = primaryCode(error)
  return code !== undefined && code !== SQLITE_CONSTRAINT
}

/** Whether what is in the database, or SQLite, is the reason. */
export const isOfDatabase = (error: unknown): boolean => error instanceof RowError || primaryCode(error) !== undefined

/** SQLite's extended codes carry the primary one in their low byte. */
function primaryCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined
  return error.errcode & 0xff
}
