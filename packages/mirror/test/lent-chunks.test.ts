import { type ChunkWant, type VerifiedBytes, own, sha256Of, verify } from '@hubmesh/content'
import { expect, it } from 'vitest'
import { type ChunkJob, type Flights, createFlights } from '../src/flights.ts'

const BYTES = Uint8Array.from({ length: 1000 }, (_, at) => at % 251)

/** A chunk that comes when it is asked for, alone in its memory as a mesh hands it over, and is stored when the test says so. */
const setUp = () => {
  const sha256 = sha256Of(BYTES)
  const want = { sha256, length: BYTES.length, index: 0 } as ChunkWant
  const came: VerifiedBytes[] = []
  const stored = Promise.withResolvers<void>()
  const source = {
    fetch: async () => {
      const part = BYTES.slice()
      own(part)
      const bytes = verify([part], sha256)
      came.push(bytes)
      return { bytes, from: 'peer', sameSite: true, release: () => {} }
    },
    raise: () => {},
    prepare: () => {},
    outlook: () => undefined,
  }
  const flights: Flights = createFlights({ source }, { lingerMs: 1000 })
  const job: ChunkJob = { key: 'chunk', want, find: async () => false, store: () => stored.promise }
  return { flights, job, stored, memory: () => came.flatMap(({ parts }) => parts.map(({ length }) => length)) }
}

it('the memory of a chunk that nobody read is free once it is stored and nobody has it any more', async () => {
  const { flights, job, stored, memory } = setUp()
  const lease = flights.ask(job, 'whole')
  await lease.arrived
  expect(memory()).toEqual([1000])
  stored.resolve()
  await lease.stored
  expect(memory()).toEqual([1000]) // who has a lease may still read it
  lease.release()
  expect(memory()).toEqual([0])
})

it('it is not while it is being stored, though nobody waits for it', async () => {
  const { flights, job, stored, memory } = setUp()
  const lease = flights.ask(job, 'reader')
  await lease.arrived
  lease.release()
  await new Promise((resolve) => setTimeout(resolve, 10))
  expect(memory()).toEqual([1000])
  stored.resolve()
  await lease.ended
  expect(memory()).toEqual([0])
})

it('what a reader was given stays, stored or not', async () => {
  const { flights, job, stored } = setUp()
  const [reader, other] = [flights.ask(job, 'reader'), flights.ask(job, 'whole')]
  await reader.arrived
  const bytes = reader.bytes()
  stored.resolve()
  await other.stored
  for (const lease of [other, reader]) lease.release()
  await reader.ended
  expect(bytes?.parts).toEqual([BYTES])
})

it('what could not be stored is free as well', async () => {
  const { flights, job, stored, memory } = setUp()
  const lease = flights.ask(job, 'whole')
  await lease.arrived
  stored.reject(new Error('no disk'))
  await expect(lease.stored).rejects.toThrow('no disk')
  lease.release()
  await lease.ended
  expect(memory()).toEqual([0])
})
