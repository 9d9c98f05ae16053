/** Tells this machine's resolver of the mesh's, by whoever manages it, and puts back what was there. */
export { MachineNameService, recoverNameService } from './machine-name-service.ts'
export type { RunCommand } from './run-command.ts'
