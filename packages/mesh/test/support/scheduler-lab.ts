import { Bitmap, KIB, MIB, type Priority } from '@hubmesh/content'
import { type Path, type Request, type Scheduler, createPath, createScheduler } from '../../src/schedule/index.ts'

export const SET = 'a list'
export const COUNT = 400

export interface PeerOptions extends Partial<Path> {
  /** Chunks that it has. @default all */
  readonly has?: readonly number[]
  /** Bytes a second. @default 64 MiB/s */
  readonly rate?: number
}

/** A node, with what it knows of others. */
export const createSchedulerLab = ({ self = 'self', length = 256 * KIB } = {}) => {
  const scheduler: Scheduler = createScheduler({ self })
  const peer = (id: string, { has, rate = 64 * MIB, ...options }: PeerOptions = {}): Path => {
    const path = Object.assign(createPath(id), { rttMs: 20, ...options })
    path.goodput.busy(1, -1000)
    path.goodput.received(rate, 0)
    path.goodput.busy(0, 0)
    scheduler.link(path)
    scheduler.holdings.tell(path, SET, has === undefined ? Bitmap.full(COUNT) : new Bitmap(COUNT), 0)
    if (has !== undefined) scheduler.holdings.gain(path, SET, has, 0)
    scheduler.touch()
    return path
  }
  const want = (count: number, priority: Priority, first = 0, dueMs?: () => number): void => {
    for (let at = 0; at < count; at += 1) scheduler.want({ set: SET, index: first + at, length, priority, dueMs }, 0)
  }
  return { scheduler, peer, want }
}

export const indexesOf = (requests: readonly Request[]): number[] => requests.map(({ want }) => want.index)
export const byNumber = (a: number, b: number): number => a - b
export const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index)
