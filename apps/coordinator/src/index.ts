/** The coordination server: knows devices and their public keys, lets new ones in, and tells each node its netmap. */
export { backUpStopped, restoreBackup } from './backup.ts'
export { CoordinatorError, type CoordinatorErrorCode } from './coordinator-error.ts'
export type { KnockResult } from './knocks.ts'
export type { SeenFromOutside } from './mesh-relays.ts'
export type { RelayBeside, RelayHandler } from './relay-beside.ts'
export {
  type CoordinatorOptions,
  type CreatedLink,
  type LinkOptions,
  type RunningCoordinator,
  startCoordinator,
} from './start-coordinator.ts'
