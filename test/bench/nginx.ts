import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../integration/local-swarm.ts'

export interface Nginx {
  readonly url: string
  readonly pid: number
  stop(): Promise<void>
}

const READY_WITHIN_MS = 10_000

/**
 * nginx as a file server on a free port, twice: under `/sendfile/` the kernel sends from its page cache, under `/copied/` nginx
 * reads and writes 1 MiB at a time. All that it writes lies under `folder`. Undefined where it is not installed.
 */
export const startNginx = async (folder: string, root: string): Promise<Nginx | undefined> => {
  const port = await freePort()
  const config = join(folder, 'nginx.conf')
  await writeFile(config, configOf(folder, root, port))
  const child = spawn('nginx', ['-p', folder, '-c', config], { stdio: ['ignore', 'ignore', 'inherit'] })
  const isInstalled = await Promise.race([
    once(child, 'error').then(() => false),
    once(child, 'spawn').then(() => true),
  ])
  if (!isInstalled) return undefined
  const url = `http://127.0.0.1:${port}`
  const exited = once(child, 'exit')
  const stop = async (): Promise<void> => {
    child.kill()
    await exited
  }
  try {
    await answers(url)
  } catch (error) {
    await stop()
    throw error
  }
  return { url, pid: child.pid ?? 0, stop }
}

const configOf = (folder: string, root: string, port: number): string => `
daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log ${folder}/nginx-error.log;
events { worker_connections 256; }
http {
  access_log off;
  tcp_nopush on;
  default_type application/octet-stream;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`).join('\n  ')}
  server {
    listen 127.0.0.1:${port};
    location /sendfile/ { alias ${root}/; sendfile on; }
    location /copied/ { alias ${root}/; sendfile off; output_buffers 2 1m; }
  }
}
`

const answers = async (url: string): Promise<void> => {
  const giveUpAt = performance.now() + READY_WITHIN_MS
  while (performance.now() < giveUpAt) {
    const response = await fetch(url).catch(() => undefined) // refused until it listens
    if (response !== undefined) return
    await sleep(20)
  }
  throw new Error('nginx did not start')
}
