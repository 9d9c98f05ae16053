import { conformsWith } from './scenarios.ts'

conformsWith('wireguard-go')
