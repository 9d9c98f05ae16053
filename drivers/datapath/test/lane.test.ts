import { datapathContract } from '@weft/testing'
import { LaneHarness } from './lane-harness.ts'

datapathContract(() => LaneHarness.open())
