import { datapathContract } from '@weft/testing'
import { PortableHarness } from './portable-harness.ts'

datapathContract(async () => new PortableHarness())
