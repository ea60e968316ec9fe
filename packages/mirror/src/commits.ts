import { type CommitInfo, type Library, decodeHistory } from '@hubmesh/content'
import type { Blocks } from './blocks.ts'
import { offeredRepo } from './offers.ts'
import type { Resolve } from './resolve.ts'

/** The commits from a revision back, out of the histories that the catalog gives; at least the revision's own. */
export const createCommits =
  ({ resolve, blocks }: { resolve: Resolve; blocks: Blocks }): Library['commits'] =>
  async (repo, revision, { signal }) => {
    const { target, ref, accepted } = await resolve.revision(repo, revision, { signal })
    const history = offeredRepo(await resolve.offers(repo, signal))?.history ?? {}
    const own = history[ref ?? '']
    const cids = new Set([...(own === undefined ? [] : [own]), ...Object.values(history)])
    for (const cid of cids) {
      const commits = decodeHistory((await blocks.block(cid, { signal })).bytes)
      const place = commits.findIndex((commit: CommitInfo) => commit.id === target.revision)
      if (place >= 0) return commits.slice(place)
    }
    return [accepted.manifest.commit]
  }
