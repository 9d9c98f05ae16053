/** The `weft` command: `src/main.ts` is the program, `runCli` is all of it but its start. */
export { runCli } from './cli.ts'
