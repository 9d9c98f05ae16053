import { conformsWith } from './scenarios.ts'

conformsWith('gotatun')
