#!/usr/bin/env node
import { mkdirSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { compileCacheDirectory } from './places.ts'

// Compiled code is kept, for a quicker start and less memory. Not in the shared /tmp, Node.js's default: whoever writes there
// first would choose the code that root runs.
try {
  const cache = process.env.NODE_COMPILE_CACHE ?? compileCacheDirectory()
  mkdirSync(cache, { recursive: true, mode: 0o700 })
  enableCompileCache(cache)
  // Worker threads take it from there, and so do processes that are started from here.
  process.env.NODE_COMPILE_CACHE = cache
} catch {
  // Without a cache it starts a little later.
}

const [verb, ...args] = process.argv.slice(2)
if (verb === 'wg') await (await import('@weft/wg')).runWg(args)
else await (await import('./cli.ts')).runCli(process.argv.slice(2))
