import { Bitmap, type Priority } from '@hubmesh/content'
import {
  type Outcome,
  type Path,
  type Request,
  type Scheduler,
  type Wanted,
  createPath,
  createScheduler,
} from '@hubmesh/mesh/schedule'
import { HAS_DELAY, HAS_DELAY_FAR, MAX_UPLOADS, READER_UPLOADS, TICK } from '../../packages/mesh/src/limits.ts'
import { misbehave } from './bad.ts'
import type { Clock } from './clock.ts'
import { type Flow, type Network, createFlow } from './network.ts'
import { type Lines, type NodeShape, isTaker } from './lines.ts'
import { createSimulatedReader } from './reader.ts'

/**
 * One node of the simulation: the scheduler of a real one, and in place of libp2p, disk and library the least that acts like
 * them. It fetches one file, and gives what it has of it meanwhile.
 */
export interface SimulatedNode {
  readonly shape: NodeShape
  readonly have: Bitmap
  /** When it had all, in ms since the file was new to all; undefined until then. */
  doneAt: number | undefined
  /** Payload bytes that came from other sites, from the own one, and those that were not needed. */
  readonly received: { wan: number; site: number; twice: number }
  sent: number
  /** How often its reader had to wait, and for how long in all (ms). */
  readonly stalls: { readonly count: number; readonly ms: number }
  /** False once it has been killed. */
  alive: boolean
  /** CPU time that its scheduler took, in ms. */
  cpuMs: number
  connect(other: SimulatedNode): void
  start(): void
  /** From now on it is another file that is spread, of which those that want it have nothing. */
  renew(): void
  /** Ends it. Others see that at once, unless it is `silent`: then they have to find out. */
  kill(how: 'reset' | 'silent'): void
  /** Lets it decide, if anything has changed. */
  turn(): void
  /** Bytes that have left for another node. */
  sentTo(other: SimulatedNode): number
  /** What the other side of a connection calls. */
  readonly remote: Remote
}

/** What one node does to another, after the time that it takes to get there. */
export interface Remote {
  ask(from: SimulatedNode, job: Job): void
  cancel(from: SimulatedNode, request: Request): void
  open(from: SimulatedNode): void
  told(from: SimulatedNode, bitmap: Bitmap): void
  gained(from: SimulatedNode, indexes: readonly number[]): void
  gone(from: SimulatedNode): void
}

export interface Job {
  readonly request: Request
  readonly arrive: (bytes: 'right' | 'wrong') => void
  readonly refuse: (why: 'busy' | 'lacks') => void
}

/** The other end of a connection, and what is sent there. */
interface Connection {
  readonly node: SimulatedNode
  readonly path: Path
  readonly delayMs: number
  readonly flow: Flow
  readonly jobs: Job[]
  sending: Job | undefined
  /** It has asked what is here. */
  isOpen: boolean
}

export interface World {
  readonly clock: Clock
  readonly network: Network
  readonly lines: Lines
  readonly chunks: number
  readonly chunkBytes: number
  /** Chunks that a library asks for at a time. */
  readonly windowChunks: number
  /** What is read has a due time. */
  readonly hasDueTimes: boolean
}

const SET = 'file'
/** A reader's uploads are not for what is fetched here. */
const UPLOADS = MAX_UPLOADS - READER_UPLOADS
const BUSY_MS = 1000

export const createSimulatedNode = (world: World, shape: NodeShape): SimulatedNode => {
  const { clock, network, lines, chunks, chunkBytes, windowChunks, hasDueTimes } = world
  const scheduler: Scheduler = createScheduler({ self: shape.id })
  const connections = new Map<SimulatedNode, Connection>()
  const pathOwners = new Map<Path, Connection>()
  const underWay = new Set<Request>()
  const takes = isTaker(shape)
  let have = takes ? new Bitmap(chunks) : Bitmap.full(chunks)
  let newAt = 0
  let changed = false
  let wanting = 0
  let asked = 0
  let uploads = 0

  const want = (index: number, priority: Priority, dueMs?: () => number): void => {
    scheduler.want({ set: SET, index, length: chunkBytes, priority, dueMs }, clock.now())
    changed = true
  }
  const reader =
    shape.reads === undefined
      ? undefined
      : createSimulatedReader({
          clock,
          chunks,
          chunkMs: (chunkBytes * 8) / (shape.reads * 1000),
          has: (index) => have.has(index),
          want: (index, priority, dueMs) => want(index, priority, hasDueTimes ? dueMs : undefined),
          raise: (index) => {
            scheduler.raise(SET, index, 'reader')
            changed = true
          },
        })

  const self: SimulatedNode = {
    shape,
    get have() {
      return have
    },
    doneAt: takes ? undefined : 0,
    received: { wan: 0, site: 0, twice: 0 },
    sent: 0,
    stalls: reader?.stalls ?? { count: 0, ms: 0 },
    alive: true,
    cpuMs: 0,
    connect: (other) => {
      const rttMs = lines.rttMs(shape, other.shape)
      const path = Object.assign(createPath(other.shape.id), {
        site: other.shape.site,
        sameSite: other.shape.site === shape.site,
        rttMs,
      })
      const connection: Connection = {
        node: other,
        path,
        delayMs: rttMs / 2,
        flow: createFlow(
          { links: lines.links(shape, other.shape), back: lines.links(other.shape, shape) },
          { rttMs, onSent: () => onSent(connection) },
        ),
        jobs: [],
        sending: undefined,
        isOpen: false,
      }
      connections.set(other, connection)
      pathOwners.set(path, connection)
      scheduler.link(path)
    },
    start: () => {
      if (!takes) return
      for (const { node, delayMs } of connections.values()) send(node, delayMs, (remote) => remote.open(self))
      if (reader === undefined) fill()
      else reader.start()
      tick()
    },
    renew: () => {
      newAt = clock.now()
      scheduler.holdings.forget(SET)
      for (const connection of connections.values()) connection.isOpen = false
      Object.assign(self.received, { wan: 0, site: 0, twice: 0 })
      self.sent = 0
      if (!takes) return
      have = new Bitmap(chunks)
      self.doneAt = undefined
      asked = 0
    },
    kill: (how) => {
      self.alive = false
      for (const { node, delayMs, flow } of connections.values()) {
        network.stop(flow)
        if (how === 'reset') clock.after(delayMs, () => node.alive && node.remote.gone(self))
      }
    },
    turn: () => {
      if (!changed || !self.alive) return
      changed = false
      listen()
      const requests = timed(() => scheduler.next(clock.now()))
      for (const request of requests) askFor(request)
    },
    sentTo: (other) => connections.get(other)?.flow.sent ?? 0,
    remote: {
      ask: misbehave(shape.bad, (from, job) => {
        const connection = connections.get(from)
        if (connection === undefined) return
        if (connection.sending === undefined && uploads >= UPLOADS) {
          job.refuse('busy')
          return
        }
        connection.jobs.push(job)
        if (connection.sending === undefined) {
          uploads += 1
          sendNext(connection)
        }
      }),
      cancel: (from, request) => {
        const jobs = connections.get(from)?.jobs ?? []
        const at = jobs.findIndex((job) => job.request === request)
        if (at >= 0) jobs.splice(at, 1)
      },
      open: (from) => {
        const connection = connections.get(from)
        if (connection === undefined) return
        connection.isOpen = true
        scheduler.holdings.open(connection.path, SET, clock.now())
        const bitmap = new Bitmap(chunks, have.bytes.slice())
        send(from, connection.delayMs, (remote) => remote.told(self, bitmap))
      },
      told: (from, bitmap) => hear(from, (path) => scheduler.holdings.tell(path, SET, bitmap, clock.now())),
      gained: (from, indexes) => hear(from, (path) => void scheduler.holdings.gain(path, SET, indexes, clock.now())),
      gone: (from) => {
        const connection = connections.get(from)
        if (connection === undefined) return
        connections.delete(from)
        network.stop(connection.flow)
        scheduler.unlink(connection.path)
        for (const request of underWay) if (request.path === connection.path) end(request, 'failed')
        changed = true
      },
    },
  }

  const send = (to: SimulatedNode, delayMs: number, what: (remote: Remote) => void): void =>
    clock.after(delayMs, () => {
      if (to.alive) what(to.remote)
    })

  const hear = (from: SimulatedNode, what: (path: Path) => void): void => {
    const path = connections.get(from)?.path
    if (path === undefined || self.doneAt !== undefined) return
    what(path)
    scheduler.touch()
    changed = true
  }

  /** The library wants so many chunks at a time, in the order of the file. */
  const fill = (): void => {
    for (; wanting < windowChunks && asked < chunks; asked += 1) {
      wanting += 1
      want(asked, 'whole')
    }
    changed = true
  }

  const askFor = (request: Request): void => {
    const connection = pathOwners.get(request.path)
    if (connection === undefined) return
    underWay.add(request)
    const job: Job = {
      request,
      arrive: (bytes) => clock.after(connection.delayMs, () => onArrival(request, bytes)),
      refuse: (why) => clock.after(connection.delayMs, () => onRefusal(request, why)),
    }
    send(connection.node, connection.delayMs, (remote) => remote.ask(self, job))
  }

  const onRefusal = (request: Request, why: 'busy' | 'lacks'): void => {
    if (underWay.has(request)) end(request, why, BUSY_MS)
    changed = true
  }

  const onArrival = (request: Request, bytes: 'right' | 'wrong'): void => {
    if (!self.alive) return
    const { want, path } = request
    self.received[path.sameSite ? 'site' : 'wan'] += want.length
    scheduler.received(path, want.length, clock.now())
    changed = true
    if (!underWay.has(request) || have.has(want.index)) self.received.twice += want.length
    if (!underWay.has(request)) return
    if (bytes === 'wrong') {
      end(request, 'wrong')
      ban(request.path)
      return
    }
    const others = scheduler.drop(want).filter((other) => other !== request)
    end(request, 'arrived')
    for (const other of others) giveUp(other, 'cancelled')
    keep(want)
  }

  const ban = (path: Path): void => {
    const connection = pathOwners.get(path)
    if (connection === undefined) return
    self.remote.gone(connection.node)
    send(connection.node, connection.delayMs, (remote) => remote.gone(self))
  }

  const keep = (want: Wanted): void => {
    if (!have.set(want.index)) return
    wanting -= 1
    for (const tell of tellers) tell(want.index)
    if (have.complete) self.doneAt = clock.now() - newAt
    else if (reader === undefined) fill()
    reader?.arrived(want.index)
  }

  /** Tells one kind of its neighbours what has come: at once, but not again within the delay. */
  const createTeller = (isNear: boolean, delay: number): ((index: number) => void) => {
    let added: number[] = []
    let toldAt = -Infinity
    const tell = (): void => {
      const indexes = added
      added = []
      toldAt = clock.now()
      if (!self.alive) return
      for (const { node, path, delayMs, isOpen } of connections.values())
        if (isOpen && path.sameSite === isNear && node.doneAt === undefined)
          send(node, delayMs, (remote) => remote.gained(self, indexes))
    }
    return (index) => {
      if (added.push(index) === 1) clock.after(Math.max(0, toldAt + delay - clock.now()), tell)
    }
  }
  const tellers = [createTeller(true, HAS_DELAY), createTeller(false, HAS_DELAY_FAR)]

  const end = (request: Request, outcome: Outcome, retryMs?: number): void => {
    underWay.delete(request)
    scheduler.ended(request, outcome, clock.now(), retryMs)
  }

  const giveUp = (request: Request, outcome: 'cancelled' | 'failed'): void => {
    end(request, outcome)
    const connection = pathOwners.get(request.path)
    if (connection !== undefined) send(connection.node, connection.delayMs, (remote) => remote.cancel(self, request))
  }

  const onSent = (connection: Connection): void => {
    const job = connection.sending
    if (job === undefined) return
    self.sent += job.request.want.length
    job.arrive('right')
    sendNext(connection)
  }

  const sendNext = (connection: Connection): void => {
    connection.sending = connection.jobs.shift()
    if (connection.sending === undefined) uploads -= 1
    else network.send(connection.flow, connection.sending.request.want.length)
  }

  /** Hears what has come from whom. */
  const listen = (): void => {
    for (const { path, node } of connections.values()) {
      const sent = node.sentTo(self)
      if (sent === path.heardBytes) continue
      path.heardBytes = sent
      path.heardAt = clock.now()
    }
  }

  const tick = (): void => {
    if (!self.alive || self.doneAt !== undefined) return
    listen()
    for (const request of timed(() => scheduler.overdue(clock.now()))) giveUp(request, 'failed')
    changed = true
    clock.after(TICK, tick)
  }

  const timed = <T>(work: () => T): T => {
    const start = process.threadCpuUsage()
    const result = work()
    self.cpuMs += process.threadCpuUsage(start).user / 1000
    return result
  }

  return self
}
