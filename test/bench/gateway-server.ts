/** A gateway over one file on disk, for measuring: `gateway-server.ts FILE` prints its URL. */
import { open } from 'node:fs/promises'
import {
  type BlobHandle,
  type Cid,
  type FileEntry,
  type GitOid,
  type Library,
  MeshError,
  type NodeStatus,
  type Sha256,
  type Snapshot,
  silentLog,
} from '@hubmesh/content'
import { createGateway } from '@hubmesh/gateway'

const REVISION = 'a'.repeat(40) as GitOid

const openBlob = async (path: string): Promise<BlobHandle> => {
  const file = await open(path)
  const { size } = await file.stat()
  return {
    size,
    path,
    readInto: async (offset, buffer) => (await file.read(buffer, 0, buffer.length, offset)).bytesRead,
    close: () => file.close(),
  }
}

/** One repo, one commit, one file: what a store and a mirror would look up is at hand, the bytes are read as theirs. */
const libraryOf = async (path: string): Promise<Library> => {
  const probe = await openBlob(path)
  await probe.close()
  const entry: FileEntry = {
    path: 'model.safetensors',
    size: probe.size,
    oid: REVISION,
    sha256: 'b'.repeat(64) as Sha256,
  }
  const repo = { type: 'model', id: 'bench/model' } as const
  const commit = { id: REVISION, title: '', date: '2026-01-01T00:00:00Z' }
  const snapshot: Snapshot = {
    repo,
    revision: REVISION,
    cid: 'bafybench' as Cid,
    manifest: {
      v: 1,
      repo,
      revision: REVISION,
      createdAt: commit.date,
      upstream: 'publish',
      info: {},
      commit,
      entries: [],
    },
    publisher: 'bench',
    stale: false,
    since: commit.date,
    entries: async () => [entry],
    entry: async () => entry,
    open: async () => {
      const blob = await openBlob(path)
      return { size: blob.size, source: 'local', blob, read: notHere, close: () => blob.close() }
    },
    warm: () => {},
  }
  return {
    resolve: async () => snapshot,
    repo: () => Promise.reject(new MeshError('repo-not-found', 'only bytes are measured here')),
    list: async () => [],
    commits: async () => [],
    pull: () => Promise.reject(new MeshError('usage', 'only bytes are measured here')),
    repos: async () => [],
    transfers: () => [],
  }
}

const notHere = (): never => {
  throw new MeshError('not-ready', 'a warm file is read from its blob')
}

const status = (): Promise<NodeStatus> => Promise.reject(new MeshError('not-ready', 'there is no node here'))

const gateway = createGateway(
  { library: await libraryOf(process.argv[2] ?? ''), status, log: silentLog },
  { host: '127.0.0.1', port: 0 },
)
console.log((await gateway.start()).url)
