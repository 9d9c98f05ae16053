/** `weft wg`: one WireGuard interface, driven by the standard `wg` and `wg-quick`. */
export { runWg } from './run-wg.ts'
