import { type FileEntry, type RepoRef, type Snapshot, isFile } from '@hubmesh/content'
import { type Answer, json } from '../answer.ts'
import { type GatewayRequest, type Handler, isYes, listParam } from './request.ts'
import { pinRevision, renamed, snapshotHeaders } from './snapshot.ts'

/** Fields that must be complete or absent: clients fail on half of them. */
const COMPLETE: Readonly<Record<string, readonly string[]>> = {
  safetensors: ['parameters', 'total'],
  transformersInfo: ['auto_model'],
}

/** `/api/{type}/{id}` and `/revision/{rev}`: the Hub's own answer for the commit, and its files. */
export const info: Handler<'info'> = async (room, route, request): Promise<Answer> => {
  const snapshot = await pinRevision(room, route, request)
  const moved = renamed(snapshot, route, request)
  if (moved !== undefined) return moved
  const fields = listParam(request.query, 'expand')
  const whole =
    fields.length === 0 || fields.includes('siblings')
      ? { ...repoInfo(snapshot), siblings: await siblings(snapshot, request) }
      : repoInfo(snapshot)
  const wanted = fields.length === 0 ? whole : pick(whole, ['_id', 'id', ...fields])
  return json(wanted, snapshotHeaders(snapshot))
}

/** The info of a commit without its files: what a listing shows too. */
export const repoInfo = (snapshot: Snapshot): Record<string, unknown> => {
  const { manifest, repo, revision } = snapshot
  const held = Object.fromEntries(Object.entries(manifest.info).filter(([name, value]) => isServed(name, value)))
  return {
    ...bareInfo(repo, revision),
    ...held,
    // Whatever upstream wrote, these name what is served here.
    id: repo.id,
    ...(repo.type === 'model' ? { modelId: repo.id } : {}),
    sha: revision,
    lastModified: hubDate(manifest.info['lastModified']) ?? hubDate(manifest.commit.date),
    createdAt: hubDate(manifest.info['createdAt']) ?? hubDate(manifest.createdAt),
  }
}

/** What can be said of a repo by its name alone; all that clients require. */
export const bareInfo = (repo: RepoRef, revision: string): Record<string, unknown> => ({
  // The Hub's own is a 24-digit object id; clients only want a stable text.
  _id: Buffer.from(`${repo.type}:${repo.id}`).toString('hex').padStart(24, '0').slice(-24),
  id: repo.id,
  ...(repo.type === 'model' ? { modelId: repo.id } : {}),
  ...(repo.id.includes('/') ? { author: repo.id.slice(0, repo.id.indexOf('/')) } : {}),
  sha: revision,
  private: false,
  gated: false,
  disabled: false,
  likes: 0,
  downloads: 0,
  tags: [],
})

export const pick = (info: Record<string, unknown>, names: readonly string[]): Record<string, unknown> => {
  const wanted = new Set(names)
  return Object.fromEntries(Object.entries(info).filter(([name]) => wanted.has(name)))
}

/** The form that clients parse, `2026-01-05T08:00:00.000Z`; undefined for what is no date. */
export const hubDate = (value: unknown): string | undefined => {
  const time = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isNaN(time) ? undefined : new Date(time).toISOString()
}

// Xet fields would send clients to other servers, with no way back.
const isServed = (name: string, value: unknown): boolean => {
  if (name === 'siblings' || /^xet/i.test(name)) return false
  const parts = Object.hasOwn(COMPLETE, name) ? COMPLETE[name] : undefined
  return parts === undefined || (typeof value === 'object' && value !== null && parts.every((part) => part in value))
}

const siblings = async (snapshot: Snapshot, { query, signal }: GatewayRequest): Promise<unknown[]> => {
  const blobs = isYes(query.get('blobs'))
  const files = (await snapshot.entries({ signal })).filter(isFile)
  return files.map((file) => (blobs ? blobSibling(file) : { rfilename: file.path }))
}

const blobSibling = ({ path, size, oid, lfs }: FileEntry): unknown => ({
  rfilename: path,
  size,
  blobId: oid,
  ...(lfs === undefined ? {} : { lfs: { sha256: lfs.oid, size: lfs.size, pointerSize: lfs.pointerSize } }),
})
