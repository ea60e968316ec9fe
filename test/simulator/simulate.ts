import { FETCH_CHUNKS } from '../../packages/mirror/src/limits.ts'
import { createClock } from './clock.ts'
import { createLines } from './lines.ts'
import { createNetwork } from './network.ts'
import { type SimulatedNode, createSimulatedNode } from './node.ts'
import { type Random, createRandom } from './random.ts'
import type { Scenario } from './scenarios.ts'

export interface RunOptions {
  /** Decides who knows whom, who is killed, and who begins when. */
  readonly seed: number
  /** Chunks that a library asks for at a time. @default as many as that of a node */
  readonly windowChunks?: number
  /** Another file was spread before, so that all know how fast their paths are. @default false */
  readonly isWarm?: boolean
  /** What is read has a due time. @default true */
  readonly hasDueTimes?: boolean
}

/** So much simulated time at most, in ms. */
const LONGEST = 3_600_000
/** Between two files, so that nothing of the first is under way any more. */
const SETTLE_MS = 5_000
/** All begin within that time. */
const START_MS = 200

/** Runs a scenario until everyone who lives has everything. */
export const simulate = (
  scenario: Scenario,
  { seed, windowChunks = FETCH_CHUNKS, isWarm = false, hasDueTimes = true }: RunOptions,
): SimulatedNode[] => {
  const random = createRandom(seed)
  const clock = createClock(scenario.stepMs)
  const network = createNetwork(clock)
  const world = {
    clock,
    network,
    lines: createLines(scenario.distances),
    chunks: Math.ceil(scenario.fileBytes / scenario.chunkBytes),
    chunkBytes: scenario.chunkBytes,
    windowChunks,
    hasDueTimes,
  }
  const nodes = scenario.nodes.map((shape) => createSimulatedNode(world, shape))
  const step = (): void => {
    clock.step()
    network.step()
    for (const node of nodes) node.turn()
  }
  const start = (): void => {
    for (const node of nodes) clock.after(random.next() * START_MS, () => node.start())
  }
  const isOver = (): boolean =>
    nodes.every(({ alive, doneAt }) => !alive || doneAt !== undefined) || clock.now() >= LONGEST
  introduce(nodes, scenario.neighbours, random)
  start()
  if (isWarm) {
    while (!isOver()) step()
    for (const end = clock.now() + SETTLE_MS; clock.now() < end;) step()
    for (const node of nodes) node.renew()
    start()
  }
  const { kill } = scenario
  if (kill !== undefined)
    clock.after(kill.atMs, () => {
      for (const node of pick(nodes, kill.part, random)) node.kill(kill.how)
    })
  while (!isOver()) {
    step()
    if (scenario.seedLeaves === true) leaveWhenCopied(nodes)
  }
  return nodes
}

/** All know the seed and their site; of the rest each dials some. */
const introduce = (nodes: readonly SimulatedNode[], neighbours: number, random: Random): void => {
  const known = new Map(nodes.map((node) => [node, new Set<SimulatedNode>()]))
  const connect = (a: SimulatedNode, b: SimulatedNode | undefined): void => {
    if (b === undefined || a === b || known.get(a)?.has(b) === true) return
    known.get(a)?.add(b)
    known.get(b)?.add(a)
    a.connect(b)
    b.connect(a)
  }
  const seeds = nodes.filter(({ shape }) => shape.isSeed)
  for (const node of nodes) {
    for (const seed of seeds) connect(node, seed)
    if (nodes.length <= neighbours + 1) for (const other of nodes) connect(node, other)
    else for (let dialled = 0; dialled < neighbours; dialled += 1) connect(node, nodes[random.below(nodes.length)])
  }
}

const pick = (nodes: readonly SimulatedNode[], part: number, random: Random): SimulatedNode[] => {
  const left = nodes.filter(({ shape }) => !shape.isSeed)
  return Array.from({ length: Math.round(left.length * part) }, () => left.splice(random.below(left.length), 1)).flat()
}

/** Every chunk is at some office. */
const leaveWhenCopied = (nodes: readonly SimulatedNode[]): void => {
  const [seed, ...others] = nodes
  if (seed?.alive !== true) return
  const chunks = Array.from({ length: seed.have.length }, (_, index) => index)
  if (chunks.every((index) => others.some(({ have }) => have.has(index)))) seed.kill('reset')
}
