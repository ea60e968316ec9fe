#!/usr/bin/env -S node --min-semi-space-size=8 --max-semi-space-size=8 --heap-growing-percent=100
// Plain JavaScript: the compile cache must be on before the first module that is worth caching, or from a checkout the
// first TypeScript. Commands that ask the running node start in half the time with it. Not in the shared temp folder,
// where another user could put code for us to run.
import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
enableCompileCache(process.env.NODE_COMPILE_CACHE || join(cache, 'hubmesh', 'compiled'))
const { main } = await import('@hubmesh/cli')
await main(process.argv.slice(2))
