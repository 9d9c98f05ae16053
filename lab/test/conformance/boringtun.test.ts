import { conformsWith } from './scenarios.ts'

conformsWith('boringtun')
