import { KIB, MIB } from '@hubmesh/content'
import { BAD } from './bad.ts'
import type { Distances, NodeShape } from './lines.ts'

/** A swarm, and what happens to it. */
export interface Scenario {
  readonly what: string
  readonly nodes: readonly NodeShape[]
  readonly distances: Distances
  readonly fileBytes: number
  readonly chunkBytes: number
  /** Other nodes that each dials. */
  readonly neighbours: number
  /** How fine time is, in ms: a fraction of the shortest round trip between sites. */
  readonly stepMs: number
  /** A part of the nodes that is killed at a time; seeds are not. */
  readonly kill?: { readonly atMs: number; readonly part: number; readonly how: 'reset' | 'silent' }
  /** The seed is killed as soon as a copy of all has left it. */
  readonly seedLeaves?: boolean
}

const FAR: Distances = { inside: { mbits: 1000, rttMs: 0.5 }, between: { rttMs: 20 } }

/** Each stands alone; the seed first. */
const offices = (count: number, { seedUp = 100, up = 50, down = 100 } = {}): NodeShape[] => [
  { id: 'seed', site: 'seed', isSeed: true, up: seedUp, down: 1000 },
  ...Array.from({ length: count }, (_, at) => ({
    id: `office-${at}`,
    site: `office-${at}`,
    isSeed: false,
    up: up,
    down: down,
  })),
]

/** Nodes with fast ports only, the seed the first of the first site. */
const site = (name: string, count: number, { withSeed = false, mbits = 1000 } = {}): NodeShape[] =>
  Array.from({ length: count }, (_, at) => ({
    id: `${name}-${at}`,
    site: name,
    isSeed: withSeed && at === 0,
    up: mbits,
    down: mbits,
  }))

export const eightOffices: Scenario = {
  what: '1 seed and 8 offices, 100 up at the seed, 50 up and 100 down at the offices, 20 ms, 128 MiB',
  nodes: offices(8),
  distances: FAR,
  fileBytes: 128 * MIB,
  chunkBytes: 256 * KIB,
  neighbours: 32,
  stepMs: 2.5,
}

export const twoSites: Scenario = {
  ...eightOffices,
  what: 'two sites of 4, the seed in the first, 1 Gbit/s inside, 50 Mbit/s and 40 ms between, 128 MiB',
  nodes: [...site('first', 4, { withSeed: true }), ...site('second', 4)],
  distances: { inside: { mbits: 1000, rttMs: 0.5 }, between: { rttMs: 40, mbits: 50 } },
}

const many = (count: number): Scenario => ({
  ...eightOffices,
  what: `1 seed and ${count} offices of the same kind, 32 neighbours each`,
  nodes: offices(count),
})

const providers: Scenario = {
  ...eightOffices,
  what: 'one office that takes 128 MiB from eight that have it, 12 up each',
  nodes: [
    ...Array.from({ length: 8 }, (_, at) => ({ id: `provider-${at}`, site: `${at}`, isSeed: true, up: 12, down: 100 })),
    { id: 'office', site: 'office', isSeed: false, up: 50, down: 100 },
  ],
}

/** What it gives each of eight that ask is a little more than makes a request fail. */
const DRIP_MBITS = 1.6

/** One of eight, and not the first, is bad in each of the ways. */
const withBad = (name: string, scenario: Scenario): Record<string, Scenario> =>
  Object.fromEntries(
    BAD.map((bad) => [
      `${name}-${bad}`,
      {
        ...scenario,
        what: `${scenario.what}; one of the eight ${bad}`,
        nodes: scenario.nodes.map((node, at) =>
          at === 4 ? { ...node, isSeed: false, bad, up: bad === 'drips' ? DRIP_MBITS : node.up } : node,
        ),
      },
    ]),
  )

/** An office that wants what one seed has; somebody reads at the first of its nodes at least. */
const reading = (what: string, ...office: readonly Partial<NodeShape>[]): Scenario => ({
  ...eightOffices,
  what,
  nodes: [
    ...offices(0, { seedUp: 400 }),
    ...office.map((shape, at) => ({ id: `node-${at}`, site: 'office', isSeed: false, up: 50, down: 300, ...shape })),
  ],
  distances: { ...FAR, between: { rttMs: 40 } },
})

const four: Scenario = {
  ...eightOffices,
  what: '1 seed and 4 offices, 10 up at the seed, 5 up and 10 down at the offices, 20 ms, 12 MiB',
  nodes: offices(4, { seedUp: 10, up: 5, down: 10 }),
  fileBytes: 12 * MIB,
}

/** Those that real nodes run too (`test/network`): so slow that a machine with two cores is idle meanwhile. */
export const REAL_SCENARIOS: Readonly<Record<string, Scenario>> = {
  'four-offices': four,
  'a-slow-office': {
    ...four,
    what: '1 seed and 4 offices, of which one has 3 up and 6 down',
    nodes: four.nodes.map((node, at) => (at < 4 ? node : { ...node, up: 3, down: 6 })),
  },
  'slow-sites': {
    ...four,
    what: 'two sites of 3, the seed in the first, 25 Mbit/s inside, 6 Mbit/s and 20 ms between, 12 MiB',
    nodes: [...site('first', 3, { withSeed: true, mbits: 25 }), ...site('second', 3, { mbits: 25 })],
    distances: { inside: { mbits: 25, rttMs: 0.5 }, between: { rttMs: 20, mbits: 6 } },
  },
}

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  ...REAL_SCENARIOS,
  'eight-offices': eightOffices,
  'two-sites': twoSites,
  'a-third-killed': {
    ...many(30),
    what: '1 seed and 30 offices, a third killed after 20 s',
    kill: { atMs: 20_000, part: 1 / 3, how: 'reset' },
  },
  'a-third-silent': {
    ...many(30),
    what: '1 seed and 30 offices, a third silent after 20 s',
    kill: { atMs: 20_000, part: 1 / 3, how: 'silent' },
  },
  'seed-gone': { ...eightOffices, what: 'the 8 offices, the seed gone once a copy has left it', seedLeaves: true },
  unequal: {
    ...eightOffices,
    what: '1 seed and 8 offices, of which two have 10 up and 20 down',
    nodes: offices(8).map((node, at) => (at < 7 ? node : { ...node, up: 10, down: 20 })),
  },
  'eight-providers': providers,
  ...withBad('eight-offices', eightOffices),
  ...withBad('eight-providers', providers),
  'reader-slow-mate': reading(
    'one reads at 100 Mbit/s beside a node of its site that pulls the same over 10 Mbit/s',
    { reads: 100 },
    { down: 10 },
  ),
  'reader-slow-near': reading(
    'one reads at 16 Mbit/s what a node of its site has, and gives at 8 Mbit/s',
    { reads: 16 },
    { isFull: true, port: 8 },
  ),
  'readers-in-time': reading('two nodes of a site read at 4 Mbit/s', { reads: 4 }, { reads: 4 }),
  'readers-greedy': {
    ...reading('two nodes of a site read as fast as they can over 50 Mbit/s', { reads: 1e5 }, { reads: 1e5 }),
    distances: { ...FAR, between: { rttMs: 40, mbits: 50 } },
  },
  hundred: { ...many(100), stepMs: 5 },
  thousand: { ...many(1000), chunkBytes: MIB, stepMs: 10, neighbours: 16 },
  'ten-thousand': { ...many(10_000), chunkBytes: 2 * MIB, stepMs: 20, neighbours: 8 },
}
