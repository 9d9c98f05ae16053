import { inboundClaims } from './inbound-claims.ts'
import { meterClaims } from './meter-claims.ts'
import { outboundClaims } from './outbound-claims.ts'
import type { MakeHarness } from './scene.ts'
import { sessionClaims } from './session-claims.ts'
import { stockPeerClaims } from './stock-peer-claims.ts'
import { wayUpClaims } from './way-up-claims.ts'

/** Registers the tests that every datapath must pass; each gets a harness of its own. */
export function datapathContract(make: MakeHarness): void {
  outboundClaims(make)
  inboundClaims(make)
  sessionClaims(make)
  stockPeerClaims(make)
  meterClaims(make)
  wayUpClaims(make)
}
