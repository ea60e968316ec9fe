import { resolve } from 'node:path'
import type { TaskResult } from '@hubmesh/content'
import {
  type ControlClient,
  type TaskOptions,
  connectControl,
  findRunningNode,
  homeFolder,
  openControl,
} from '@hubmesh/node/control'
import { Interrupted } from '../failure.ts'
import { formatBytes, printJson } from '../format.ts'
import { createProgress } from '../progress.ts'

export interface PullFlags {
  readonly home?: string
  readonly to?: string
  readonly copy?: true
  readonly include: string[]
  readonly exclude: string[]
  readonly json?: true
}

export interface PublishFlags {
  readonly home?: string
  readonly message?: string
  readonly json?: true
}

type Puller = Pick<ControlClient, 'pull'>

/** Fetches a repo through the node of this home, or where none runs, through one that lives as long as the pull. */
export const pull = async (spec: string, flags: PullFlags): Promise<void> => {
  const home = homeFolder(flags.home)
  const { include, exclude } = flags
  const to = flags.to === undefined ? {} : { to: resolve(flags.to) }
  const request = { spec, include, exclude, copy: flags.copy === true, ...to }
  const result = await runTask(async (options) => {
    const running = await findRunningNode(home)
    const fetch = (node: Puller): Promise<TaskResult> => node.pull(request, options)
    return running === undefined ? withOwnNode(home, fetch) : fetch(connectControl(running))
  })
  finish(result, flags.json, 'pulled')
}

/** Publishes through the running seed. */
export const publish = async (directory: string, spec: string, flags: PublishFlags): Promise<void> => {
  const node = await openControl(homeFolder(flags.home))
  const command = { directory: resolve(directory), spec, message: flags.message ?? `Publish ${spec}` }
  finish(await runTask((options) => node.publish(command, options)), flags.json, 'published')
}

const runTask = async (task: (options: TaskOptions) => Promise<TaskResult>): Promise<TaskResult> => {
  const interrupt = new AbortController()
  const onSignal = (signal: 'SIGINT' | 'SIGTERM'): void => {
    if (interrupt.signal.aborted) process.exit(new Interrupted(signal).exitCode)
    interrupt.abort(new Interrupted(signal))
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  const progress = createProgress()
  try {
    return await task({ signal: interrupt.signal, onProgress: (now) => progress.show(now) })
  } catch (error) {
    interrupt.signal.throwIfAborted()
    throw error
  } finally {
    progress.end()
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
  }
}

/** A node of our own, on free ports: the usual ones may belong to another home's node. */
const withOwnNode = async <T>(home: string, work: (node: Puller) => Promise<T>): Promise<T> => {
  const { createLog, createNode, loadConfig } = await import('@hubmesh/node')
  const config = await loadConfig(home, {
    gateway: { listen: '127.0.0.1:0' },
    mesh: { listen: ['/ip4/0.0.0.0/tcp/0'] },
  })
  const log = createLog({ levels: process.env['LOG_LEVEL'] ?? 'warn', pretty: process.stderr.isTTY })
  const node = await createNode({ ...config, mirror: [] }, { log })
  try {
    return await work(node.control)
  } finally {
    await node.stop()
  }
}

const finish = (result: TaskResult, json: true | undefined, verb: string): void => {
  if (json === true) return printJson(result)
  const { repo, revision, files, bytes, to, replaced = 0 } = result
  const place = to === undefined ? '' : ` into ${to}`
  const note = replaced === 0 ? '' : `, ${replaced} of them in place of other content`
  process.stdout.write(
    `${verb} ${repo}@${revision.slice(0, 12)}${place}: ${files} files, ${formatBytes(bytes)}, all verified${note}\n`,
  )
}
