import { type CatalogStore, type HeldPaths, type Log, type RepoRef, type SiteRef, repoKey } from '@hubmesh/content'
import { HOLD_DELAY_MS } from './limits.ts'

/** What is held of a repo at this site, and where its names stand. From memory; writes go through. */
export interface SiteRepo {
  readonly held: HeldPaths
  /** By ref, and by full sha for revisions that were read here: they stay known when the catalog lists them no more. */
  readonly standing: ReadonlyMap<string, SiteRef>
  /** Refs that something was read or pulled by: these are followed. */
  readonly used: ReadonlySet<string>
}

export interface Site {
  repo(repo: RepoRef): Promise<SiteRepo>
  heldRepos(): Promise<readonly RepoRef[]>
  /** Somebody reads a path, by these names of the revision. Returns at once: written down soon after, together with others. */
  read(repo: RepoRef, path: string, by: { names: readonly string[]; at: SiteRef }): void
  /** Durable when it resolves. */
  hold(repo: RepoRef, paths: readonly string[] | 'all'): Promise<void>
  /** Moves a name. Only what is used is written to disk. */
  move(repo: RepoRef, name: string, at: SiteRef): Promise<void>
  use(repo: RepoRef, name: string, at: SiteRef): Promise<void>
  /** Writes down what is left to write. */
  stop(): Promise<void>
}

interface State {
  all: boolean
  readonly paths: Set<string>
  readonly standing: Map<string, SiteRef>
  readonly used: Set<string>
}

export const createSite = ({ catalogs, log }: { catalogs: CatalogStore; log: Log }): Site => {
  const states = new Map<string, Promise<State>>()
  const reads = new Map<string, { repo: RepoRef; paths: Set<string>; names: Map<string, SiteRef> }>()
  let timer: NodeJS.Timeout | undefined
  let writing = Promise.resolve()

  const read = async (repo: RepoRef): Promise<State> => {
    const [held, view] = await Promise.all([catalogs.held(repo), catalogs.view(repo)])
    const standing = new Map(Object.entries(view))
    return { all: held.all, paths: new Set(held.paths), standing, used: new Set(standing.keys()) }
  }
  const stateOf = (repo: RepoRef): Promise<State> => {
    const key = repoKey(repo)
    const known = states.get(key)
    if (known !== undefined) return known
    const state = read(repo)
    states.set(key, state)
    state.catch(() => states.delete(key))
    return state
  }

  const hold = async (repo: RepoRef, paths: readonly string[] | 'all'): Promise<void> => {
    const state = await stateOf(repo)
    const added = paths === 'all' ? paths : paths.filter((path) => !state.all && !state.paths.has(path))
    if (added === 'all' ? state.all : added.length === 0) return
    await catalogs.hold(repo, added)
    if (added === 'all') state.all = true
    else for (const path of added) state.paths.add(path)
  }
  const use = async (repo: RepoRef, name: string, at: SiteRef): Promise<void> => {
    const state = await stateOf(repo)
    if (state.used.has(name)) return
    const now = state.standing.get(name) ?? at
    await catalogs.setView(repo, name, now)
    state.used.add(name)
    state.standing.set(name, now)
  }
  const move = async (repo: RepoRef, name: string, at: SiteRef): Promise<void> => {
    const state = await stateOf(repo)
    if (state.used.has(name)) await catalogs.setView(repo, name, at)
    state.standing.set(name, at)
  }

  const writeReads = async (): Promise<void> => {
    const batch = [...reads.values()]
    reads.clear()
    for (const { repo, paths, names } of batch) {
      try {
        for (const [name, at] of names) await use(repo, name, at)
        await hold(repo, [...paths])
      } catch (error) {
        log.error({ err: error, repo: repoKey(repo) }, 'what was read could not be written down as held')
      }
    }
  }
  const flush = (): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    writing = writing.then(writeReads)
    return writing
  }

  return {
    repo: async (repo) => {
      const state = await stateOf(repo)
      return { held: state, standing: state.standing, used: state.used }
    },
    heldRepos: () => catalogs.heldRepos(),
    read: (repo, path, { names, at }) => {
      const batch = reads.get(repoKey(repo)) ?? { repo, paths: new Set(), names: new Map() }
      reads.set(repoKey(repo), batch)
      batch.paths.add(path)
      for (const name of names) batch.names.set(name, at)
      timer ??= setTimeout(() => void flush(), HOLD_DELAY_MS)
    },
    hold,
    use,
    move,
    stop: flush,
  }
}
