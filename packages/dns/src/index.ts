/** Names of the mesh: which there are, who answers for them, and how the machine's own resolver learns of it. */
export type {
  NameServiceSetup,
  NameServiceState,
  NameServiceWay,
  OpenNameServiceSetup,
  UpstreamResolver,
  WantedNameService,
} from './resolver-setup.ts'
