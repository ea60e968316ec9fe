/**
 * One client's part of the matrix: everything it does, against an office that has nothing yet, one that has everything, and
 * one whose seed and Hub are both gone.
 */
import { type SampleHub, createSampleHub } from '@hubmesh/testing'
import { type TestContext, afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Swarm, type SwarmNode, createSwarm } from '../../integration/local-swarm.ts'
import { FIRST_RUN_MS } from '../clients.ts'
import type { MatrixCell } from './cell.ts'
import { OFFICE_STATES, type OfficeState } from './office-states.ts'

/** Where an exercise takes place. */
export interface Scene {
  readonly context: TestContext
  /** What each file must be, also when it is stopped. */
  readonly hub: SampleHub
  /** The office's gateway: what the client takes for the Hub. */
  readonly endpoint: string
  readonly state: OfficeState
}

export interface MatrixClient {
  readonly name: string
  /** Pinned by us, or asked of a program that the machine has. */
  readonly version: string | ((context: TestContext) => Promise<string>)
  /** By what the matrix calls them. Each fails unless all that the client got is byte for byte the Hub's. */
  readonly exercises: Readonly<Record<string, (scene: Scene) => Promise<void>>>
}

/**
 * Registers the tests of some clients, or versions of one, each with an office of its own.
 * @param addRepos puts repos on the Hub, and returns what the seed mirrors and a warm office holds, as `[TYPE:]ID@REF`
 */
export const clientMatrix = (
  clients: readonly MatrixClient[],
  addRepos: (hub: SampleHub) => Promise<readonly string[]>,
): void => {
  let hub: SampleHub
  let swarm: Swarm
  let seed: SwarmNode
  let specs: readonly string[] = []
  const offices = new Map<MatrixClient, SwarmNode>()
  const eachOffice = <T>(use: (office: SwarmNode) => Promise<T>): Promise<T[]> =>
    Promise.all([...offices.values()].map(use))

  beforeAll(async () => {
    hub = await createSampleHub()
    specs = await addRepos(hub)
    swarm = await createSwarm()
    seed = await swarm.startSeed({ upstream: hub.url, mirror: specs })
    await seed.waitFor(
      'the mirror',
      ({ mirrors }) => mirrors.length > 0 && mirrors.every(({ state }) => state === 'idle'),
    )
    const ticket = await seed.ticket()
    for (const [index, client] of clients.entries()) {
      const office = await swarm.startOffice(`office-${index}`, { ticket })
      await office.waitFor('the catalog', ({ repos }) => repos.length > 0)
      offices.set(client, office)
    }
  })

  afterAll(async () => {
    await swarm?.stop()
    await hub?.stop()
  })

  const enter: Readonly<Record<OfficeState, () => Promise<void>>> = {
    cold: async () => {
      for (const { repos } of await eachOffice((office) => office.status()))
        expect(repos.reduce((sum, { bytesHeld }) => sum + bytesHeld, 0)).toBe(0)
    },
    warm: async () => {
      for (const spec of specs)
        for (const { code, stderr } of await eachOffice((office) => office.cli('pull', spec)))
          expect({ spec, code, stderr }).toMatchObject({ code: 0 })
    },
    alone: async () => {
      await hub.stop()
      expect(await seed.stop()).toBe(0)
    },
  }

  describe.for(OFFICE_STATES)('%s', { timeout: FIRST_RUN_MS }, (state) => {
    let before: number[] = []
    const fetched = (): Promise<number[]> => eachOffice(async (office) => (await office.status()).counters.wanBytes)

    beforeAll(async () => {
      await enter[state]()
      before = await fetched()
    })

    for (const client of clients) {
      for (const [what, exercise] of Object.entries(client.exercises)) {
        const meta = { matrix: cellOf(client, what, state) }
        test(`${[client.name, meta.matrix.version].join(' ').trim()}: ${what}`, { meta }, async (context) => {
          context.task.meta.matrix = { ...meta.matrix, version: await versionOf(client, context) }
          await exercise({ context, hub, endpoint: offices.get(client)?.gateway ?? '', state })
        })
      }
    }

    test('the bytes come over the network at first, and then from nowhere', async () => {
      const more = (await fetched()).map((bytes, index) => bytes - (before[index] ?? 0))
      if (state === 'cold') for (const bytes of more) expect(bytes).toBeGreaterThan(0)
      else expect(more).toEqual(more.map(() => 0))
    })
  })
}

const cellOf = ({ name, version }: MatrixClient, exercise: string, state: OfficeState): MatrixCell => ({
  client: name,
  version: typeof version === 'string' ? version : '',
  isPinned: typeof version === 'string',
  exercise,
  state,
})

const versionOf = async ({ version }: MatrixClient, context: TestContext): Promise<string> =>
  typeof version === 'string' ? version : version(context)
