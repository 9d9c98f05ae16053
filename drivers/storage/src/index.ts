/** The coordinator's database: SQLite behind kysely, so that PostgreSQL can hold the same tables. It decides nothing. */
export { type KeyTexts, sealBackup, unsealBackup } from './backup-file.ts'
export { SCHEMA_VERSION } from './migration.ts'
export {
  type AccountRow,
  type DeviceRow,
  type EpochRow,
  type LeaveOut,
  type LeftOutRow,
  type LinkRow,
  type MeshRow,
  type RelayRow,
  RowError,
} from './rows.ts'
export { removeDatabase } from './sqlite-database.ts'
export { StorageError, type StorageErrorCode } from './storage-error.ts'
export { type RowCheck, Store } from './store.ts'
export type { StoreTransaction } from './store-transaction.ts'
export type { RecordRow, RevocationRow } from './tables.ts'
