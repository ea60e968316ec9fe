/**
 * The way to a running node, light enough for commands that must start at once: it loads no other room.
 *
 *     const node = await openControl(homeFolder())
 *     console.log((await node.status()).peers)
 */
import type { NodeId, NodeStatus, PublishCommand, PullRequest, TaskProgress, TaskResult } from '@hubmesh/content'
import { MeshError, isMeshError } from '@hubmesh/content/errors'
import { type RunInfo, findRunningNode } from './run-file.ts'
import { type SocketAnswer, requestOverSocket } from './socket-http.ts'

export { didYouMean } from './did-you-mean.ts'
export { homeFolder } from './home.ts'
export { type RunInfo, findRunningNode } from './run-file.ts'

export interface TaskOptions {
  readonly signal: AbortSignal
  readonly onProgress: (progress: TaskProgress) => void
}

/** The Control port of a node in another process. Errors arrive with their code and hint. */
export interface ControlClient {
  readonly run: RunInfo
  id(): Promise<NodeId>
  status(): Promise<NodeStatus>
  ticket(): Promise<string>
  pull(request: PullRequest, options: TaskOptions): Promise<TaskResult>
  publish(command: PublishCommand, options: TaskOptions): Promise<TaskResult>
}

/** A node answers a question from memory; one that does not for so long hangs. */
const ANSWER_WITHIN_MS = 10_000
/** Status of a node with thousands of repos and peers fits; the other side of the socket is a node of ours all the same. */
const MAX_ANSWER_CHARACTERS = 64 * 1024 * 1024

/** @throws MeshError `unreachable` with a hint when no node runs in this home */
export const openControl = async (home: string): Promise<ControlClient> => {
  const run = await findRunningNode(home)
  if (run === undefined) {
    throw new MeshError('unreachable', `no node is running in ${home}`, {
      hint: 'start one with `hubmesh up`, or name its home with --home',
    })
  }
  return connectControl(run)
}

export const connectControl = (run: RunInfo): ControlClient => {
  const ask = async <T>(name: string): Promise<T> => {
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS)
    return breakingOff(signal, async () => {
      const answer = await requestOverSocket(run.control, { method: 'GET', path: `/${name}`, signal })
      return (await readJson(answer)) as T
    })
  }
  const task = (name: string, body: object, { signal, onProgress }: TaskOptions): Promise<TaskResult> =>
    breakingOff(signal, async () => {
      const answer = await requestOverSocket(run.control, { method: 'POST', path: `/${name}`, body, signal })
      return readTask(answer, onProgress)
    })
  return {
    run,
    id: () => ask('id'),
    status: () => ask('status'),
    ticket: async () => (await ask<{ ticket: string }>('ticket')).ticket,
    pull: (body, options) => task('pull', body, options),
    publish: (body, options) => task('publish', body, options),
  }
}

const readJson = async ({ status, body }: SocketAnswer): Promise<unknown> => {
  let text = ''
  for await (const part of body) {
    text += part
    if (text.length > MAX_ANSWER_CHARACTERS) throw new Error('the answer is too long')
  }
  const value: unknown = JSON.parse(text)
  if (status !== 200) throw errorFrom(value)
  return value
}

/** NDJSON: `{ progress }` lines, then one with `{ result }` or `{ error }`. */
const readTask = async (answer: SocketAnswer, onProgress: TaskOptions['onProgress']): Promise<TaskResult> => {
  if (answer.status !== 200) throw errorFrom(await readJson(answer))
  for await (const line of linesOf(answer.body)) {
    const { progress, result, error } = JSON.parse(line) as {
      progress?: TaskProgress
      result?: TaskResult
      error?: unknown
    }
    if (progress !== undefined) onProgress(progress)
    if (error !== undefined) throw errorFrom({ error })
    if (result !== undefined) return result
  }
  throw new Error('it ended without a result')
}

async function* linesOf(body: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = ''
  for await (const part of body) {
    const lines = `${rest}${part}`.split('\n')
    rest = lines.pop() ?? ''
    yield* lines.filter((line) => line !== '')
    if (rest.length > MAX_ANSWER_CHARACTERS) throw new Error('the answer is too long')
  }
}

const errorFrom = (value: unknown): MeshError => {
  const { error = {} } = (value ?? {}) as { error?: { code?: MeshError['code']; message?: string; hint?: string } }
  const { code = 'io', message = 'the node answered with an unknown error', hint } = error
  return new MeshError(code, message, hint === undefined ? {} : { hint })
}

/** What goes wrong on the way, in words: the node's own errors and the caller's signal pass. */
const breakingOff = async <T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (cause) {
    if (isMeshError(cause)) throw cause
    if (!signal.aborted)
      throw new MeshError('unreachable', 'the node broke off', {
        hint: 'was it stopped meanwhile? its log says why',
        cause,
      })
    if (!isTimeout(signal.reason)) throw signal.reason
    throw new MeshError('unreachable', 'the node does not answer', { hint: 'its log says what it is doing', cause })
  }
}

const isTimeout = (reason: unknown): boolean => reason instanceof Error && reason.name === 'TimeoutError'
