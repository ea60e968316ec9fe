/**
 * A warm gateway beside nginx with sendfile, on the same files in one run: curl takes them from loopback. Without nginx there
 * is nothing to hold it against, and it says so.
 *
 *     node --conditions=source test/bench/gateway-warm.ts
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { MIB } from '@hubmesh/content'
import { type Result, alternate, atMost, printResults, ratio, usageOf } from './measure.ts'

const GIB = 1024 * MIB
const SIZE = GIB
const ROUNDS = 5
const CROWD = 8
const CROWD_ROUNDS = 3
const FILE_PATH = '/bench/model/resolve/main/model.safetensors'

const run = promisify(execFile)

export const gatewayWarm = async (): Promise<Result[]> => {
  const folder = await mkdtemp(join(tmpdir(), 'hubmesh-bench-'))
  try {
    const file = join(folder, 'model.safetensors')
    await fillFile(file)
    const nginx = await startNginx(folder)
    if (nginx === undefined) return [{ what: 'warm gateway', figure: 'not measured: nginx is not installed' }]
    try {
      const gateway = await startServer(file)
      try {
        return await compare(nginx.url, gateway)
      } finally {
        gateway.process.kill()
      }
    } finally {
      nginx.process.kill()
      await once(nginx.process, 'exit')
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

interface Server {
  readonly url: string
  readonly process: ChildProcess
}

const compare = async (nginx: string, gateway: Server): Promise<Result[]> => {
  const ours = gateway.url + FILE_PATH
  const theirs = `${nginx}/model.safetensors`
  const one = await alternate(ROUNDS, { ours: () => rateOf(ours, 1), theirs: () => rateOf(theirs, 1) })
  const crowd = await alternate(CROWD_ROUNDS, { ours: () => rateOf(ours, CROWD), theirs: () => rateOf(theirs, CROWD) })
  const { peakRss, cpuSeconds } = await usageOf(gateway.process.pid ?? 0)
  const sent = (ROUNDS + CROWD_ROUNDS * CROWD) * (SIZE / GIB)
  return [
    rate('nginx, one client', one.theirs),
    rate('gateway, one client', one.ours),
    ratio('gateway / nginx, one client', one.ours, one.theirs, 0.85),
    rate(`nginx, ${CROWD} clients`, crowd.theirs),
    rate(`gateway, ${CROWD} clients`, crowd.ours),
    ratio(`gateway / nginx, ${CROWD} clients`, crowd.ours, crowd.theirs, 0.65),
    { what: 'CPU of the gateway', figure: `${(cpuSeconds / sent).toFixed(2)} s/GiB` },
    atMost('memory of the gateway, peak', peakRss / MIB, 200, 'MiB'),
  ]
}

const rate = (what: string, bytesPerSecond: number): Result => ({
  what,
  figure: `${(bytesPerSecond / 1e9).toFixed(2)} GB/s`,
})

/** Bytes a second that so many curls at once take in all. */
const rateOf = async (url: string, clients: number): Promise<number> => {
  const start = performance.now()
  await Promise.all(
    Array.from({ length: clients }, () => run('curl', ['--silent', '--fail', '--output', '/dev/null', url])),
  )
  return (clients * SIZE * 1000) / (performance.now() - start)
}

const fillFile = async (path: string): Promise<void> => {
  const file = await open(path, 'w')
  const block = Buffer.alloc(8 * MIB, 'hubmesh')
  for (let at = 0; at < SIZE; at += block.length) await file.write(block, 0, block.length, at)
  await file.close()
}

const startNginx = async (root: string): Promise<Server | undefined> => {
  const port = await freePort()
  const config = join(root, 'nginx.conf')
  await writeFile(
    config,
    `daemon off; master_process off; pid ${root}/nginx.pid; error_log ${root}/error.log;
     events { worker_connections 256; }
     http { access_log off; sendfile on; tcp_nopush on; default_type application/octet-stream;
       ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${root}/${name};`).join(' ')}
       server { listen 127.0.0.1:${port}; root ${root}; } }`,
  )
  const child = spawn('nginx', ['-p', root, '-c', config], { stdio: 'ignore' })
  const failed = await Promise.race([once(child, 'error').then(() => true), answers(port).then(() => false)])
  return failed ? undefined : { url: `http://127.0.0.1:${port}`, process: child }
}

const answers = async (port: number): Promise<void> => {
  for (;;) {
    const response = await fetch(`http://127.0.0.1:${port}/nginx.conf`).catch(() => undefined)
    if (response !== undefined) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** The gateway in a process of its own, so that its memory can be told. */
const startServer = async (file: string): Promise<Server> => {
  const script = fileURLToPath(new URL('gateway-server.ts', import.meta.url))
  const child = spawn(process.execPath, [...process.execArgv, script, file], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [url] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  return { url, process: child }
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return address !== null && typeof address === 'object' ? address.port : 0
}

if (import.meta.main) printResults('warm gateway, 1 GiB', await gatewayWarm())
