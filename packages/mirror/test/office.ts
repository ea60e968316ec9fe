import {
  type ByteRange,
  type FileEntry,
  type Meter,
  type RepoRef,
  type Snapshot,
  createMeter,
  isFile,
  silentLog,
} from '@hubmesh/content'
import { type StoreParts, createMemoryStore } from '@hubmesh/testing'
import { type TrustRule, createPolicy } from '@hubmesh/trust'
import { onTestFinished, vi } from 'vitest'
import { type LibraryOptions, type RunningLibrary, createLibrary } from '../src/index.ts'
import { type Link, createLink } from './link.ts'
import { type Seed, createSeed } from './seed.ts'

export const REPO: RepoRef = { type: 'model', id: 'acme/voice' }
export const never: AbortSignal = new AbortController().signal
export const signal: { readonly signal: AbortSignal } = { signal: never }

export interface Office {
  readonly library: RunningLibrary
  readonly link: Link
  readonly store: StoreParts
  readonly meter: Meter
}

export interface OfficeOptions extends Partial<Omit<LibraryOptions, 'policy'>> {
  readonly trust: readonly Seed[]
  readonly threshold?: number
  /** Instead of one rule for all repos. */
  readonly rules?: readonly TrustRule[]
  readonly store?: StoreParts
  readonly link?: Link
}

/** An office that is stopped when the test ends. */
export const startOffice = async (options: OfficeOptions): Promise<Office> => {
  const office = createOffice(options)
  await office.library.start()
  return office
}

/** One that is not started yet. */
export const createOffice = (options: OfficeOptions): Office => {
  const { trust, threshold = 1, link = createLink(), ...rest } = options
  const meter = createMeter()
  const store = options.store ?? createMemoryStore({ meter })
  const forAll = { publishers: trust.map(({ publisher }) => publisher), threshold, repos: ['**'] }
  const policy = createPolicy(options.rules ?? [forAll])
  const library = createLibrary(
    { ...store, swarm: link, source: link, log: silentLog, meter },
    { policy, publisherId: 'nobody', ...rest },
  )
  onTestFinished(() => library.stop())
  return { library, link, store, meter }
}

/** A seed that has published these files, and an office that has heard of it. */
export const seedAndOffice = async (files: Record<string, Uint8Array>, options: Partial<OfficeOptions> = {}) => {
  const seed = await createSeed()
  const published = await seed.publish(REPO, files)
  const office = await startOffice({ trust: [seed], ...options })
  office.link.connect(seed.store)
  office.link.tell(published.envelope)
  const snapshot = await office.library.resolve(REPO, 'main', signal)
  return { seed, published, ...office, snapshot }
}

export const fileOf = async (snapshot: Snapshot, path: string): Promise<FileEntry> => {
  const entry = await snapshot.entry(path, signal)
  if (entry === undefined || !isFile(entry)) throw new Error(`no file ${path}`)
  return entry
}

/** Reads a range as the gateway does: from the blob where it is whole, else as it comes. */
export const read = async (
  snapshot: Snapshot,
  path: string,
  range?: ByteRange,
  signal: AbortSignal = never,
): Promise<Uint8Array> => {
  const file = await fileOf(snapshot, path)
  const body = await snapshot.open(file, { signal })
  try {
    const parts: Uint8Array[] = []
    for await (const part of body.read(range ?? { start: 0, end: file.size }, { signal })) parts.push(part)
    return new Uint8Array(Buffer.concat(parts))
  } finally {
    await body.close()
  }
}

const eventually = (check: () => unknown): Promise<unknown> => vi.waitFor(check, { timeout: 10_000, interval: 5 })

/** Waits until a condition holds. */
export const until = (condition: () => boolean | Promise<boolean>): Promise<unknown> =>
  eventually(async () => {
    if (!(await condition())) throw new Error('not yet')
  })
