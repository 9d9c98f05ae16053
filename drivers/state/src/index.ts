/** State directories: files written atomically, corrupt ones kept aside, and locks that name their holder. */
export { type FileLock, lockFile } from './file-lock.ts'
export { eraseSecret, replaceSecret, writeNewSecret } from './secret-file.ts'
export { StateError, type StateErrorCode } from './state-error.ts'
export { ensureDirectory, readStateFile, type Schema, writeFileAtomic } from './state-file.ts'
export { addToStateLog, readStateLog, type StateLog } from './state-log.ts'
