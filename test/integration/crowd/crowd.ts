/** Hundreds of members around one node: real connections, light peers, a few processes. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { decodeTicket } from '@hubmesh/trust'
import type { SwarmNode } from '../local-swarm.ts'
import type { Answer, Order } from './process.ts'

export interface Crowd extends AsyncDisposable {
  /** Peers that are connected to the node, and can ask it. */
  connected(): Promise<number>
  /** So many peers read all chunks of the model's large file, so many times. The chunks that were what they should be. */
  read(repo: string, options: { peers: number; times?: number }): Promise<number>
  /** So many others ask for its chunks and take nothing. */
  stall(repo: string, options: { peers: number }): Promise<void>
  stop(): Promise<void>
}

const PROCESS = fileURLToPath(new URL('process.ts', import.meta.url))

/** Resolves when all have joined. @throws Error when one of them cannot */
export const createCrowd = async (
  node: SwarmNode,
  { peers, processes = 2 }: { peers: number; processes?: number },
): Promise<Crowd> => {
  const { networkKey } = decodeTicket(await node.ticket())
  const { publisherId: publisher } = await node.status()
  const [address = ''] = node.addresses
  const children = Array.from({ length: processes }, () =>
    fork(PROCESS, { execArgv: ['--conditions=source', '--disable-warning=ExperimentalWarning'] }),
  )
  const toAll = (order: Order | ((share: (of: number) => number) => Order)): Promise<Answer[]> =>
    Promise.all(
      children.map((child, index) => {
        const share = (of: number): number => Math.floor((of + index) / processes)
        return give(child, typeof order === 'function' ? order(share) : order)
      }),
    )
  const stop = async (): Promise<void> => {
    await Promise.all(children.map(end))
  }
  try {
    const key = Buffer.from(networkKey).toString('hex')
    await toAll((share) => ({ type: 'join', address, key, count: share(peers) }))
  } catch (error) {
    await stop()
    throw error
  }
  return {
    connected: async () => sum((await toAll({ type: 'count' })).map(({ connected }) => connected)),
    read: async (repo, { peers, times = 1 }) => {
      const answers = await toAll((share) => ({ type: 'read', publisher, repo, peers: share(peers), times }))
      return sum(answers.map(({ chunks }) => chunks))
    },
    stall: async (repo, { peers }) => {
      await toAll((share) => ({ type: 'stall', publisher, repo, peers: share(peers) }))
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** One order at a time: the next message is its answer. */
const give = async (child: ChildProcess, order: Order): Promise<Answer> => {
  child.send(order)
  const gone = new AbortController()
  const exited = once(child, 'exit', { signal: gone.signal }).then(
    () => ({ connected: 0, chunks: 0, failure: 'the process of the crowd has ended' }),
    () => ({ connected: 0, chunks: 0 }), // it was answered
  )
  const answered = once(child, 'message', { signal: gone.signal }).then(([answer]) => answer as Answer)
  answered.catch(() => {}) // the process has ended, which is told
  const answer: Answer = await Promise.race([answered, exited])
  gone.abort()
  if (answer.failure !== undefined) throw new Error(`the crowd could not ${order.type}: ${answer.failure}`)
  return answer
}

const end = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
