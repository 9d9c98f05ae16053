/** Machines in network namespaces, joined by switches: what scenarios and the playground are made of. */
export { Capture } from './capture.ts'
export { Internet, Site, type SiteOptions } from './internet.ts'
export { Lab } from './lab.ts'
export { type Exit, LabProcess, type Outcome } from './lab-process.ts'
export { Link, type LinkWeather } from './link.ts'
export { Machine, type RunOptions } from './machine.ts'
export { type CreatedLink, LabMesh, LabRelay, MeshNode, type NodeStatus, type PeerStatus, packetLoss } from './mesh.ts'
export {
  derper,
  PEERS,
  type PeerName,
  type PeerProgram,
  peerProgram,
  peerVersion,
  type ReadyPeer,
  type TailscalePrograms,
  tailscalePrograms,
  wireguardGo,
} from './peers.ts'
export { labTest, reporting, skipReason } from './requirements.ts'
export { Stream } from './stream.ts'
export { Switch, type SwitchNetwork } from './switch.ts'
export { LabError } from './system-command.ts'
export { endsUp, pathKind, pathTo, readdress, relayElsewhere, type TwoSites, twoSites } from './two-sites.ts'
export { until } from './until.ts'
export { WgInterface } from './wg-interface.ts'
