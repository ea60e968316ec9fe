import { createHash } from 'node:crypto'
import { type GitOid, asGitOid } from '@hubmesh/content'

/** Git's object ids, computed as git does (https://git-scm.com/book/en/v2/Git-Internals-Git-Objects). */

export interface CommitText {
  readonly tree: GitOid
  readonly parent: GitOid | undefined
  readonly author: string
  readonly date: Date
  readonly message: string
}

export const commitOid = ({ tree, parent, author, date, message }: CommitText): GitOid => {
  const signature = `${author} <${author}@users.noreply.example> ${Math.floor(date.getTime() / 1000)} +0000`
  const parents = parent === undefined ? '' : `parent ${parent}\n`
  const text = `tree ${tree}\n${parents}author ${signature}\ncommitter ${signature}\n\n${message}\n`
  return objectOid('commit', Buffer.from(text))
}

/** The oids of all folders of a commit, the root's under `''`. */
export const treeOids = (files: Iterable<readonly [path: string, oid: GitOid]>): Map<string, GitOid> => {
  const root = createFolder()
  for (const [path, oid] of files) {
    const names = path.split('/')
    const name = names.pop() ?? path
    folderAt(root, names).files.set(name, oid)
  }
  const oids = new Map<string, GitOid>()
  hashFolder(root, '', oids)
  return oids
}

/** What git keeps in place of an LFS file (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md). */
export const lfsPointer = (sha256: string, size: number): Uint8Array =>
  Buffer.from(`version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${size}\n`)

interface Folder {
  readonly files: Map<string, GitOid>
  readonly folders: Map<string, Folder>
}

const createFolder = (): Folder => ({ files: new Map(), folders: new Map() })

const folderAt = (root: Folder, names: readonly string[]): Folder => {
  let folder = root
  for (const name of names) {
    const next = folder.folders.get(name) ?? createFolder()
    folder.folders.set(name, next)
    folder = next
  }
  return folder
}

const hashFolder = (folder: Folder, path: string, oids: Map<string, GitOid>): GitOid => {
  const files = Array.from(folder.files, ([name, oid]) => ({ name, mode: '100644', oid, rank: Buffer.from(name) }))
  const folders = Array.from(folder.folders, ([name, child]) => ({
    name,
    mode: '40000',
    oid: hashFolder(child, path === '' ? name : `${path}/${name}`, oids),
    rank: Buffer.from(`${name}/`), // git sorts a folder as if its name ended so
  }))
  const rows = [...files, ...folders].sort((a, b) => Buffer.compare(a.rank, b.rank))
  const body = rows.flatMap(({ mode, name, oid }) => [Buffer.from(`${mode} ${name}\0`), Buffer.from(oid, 'hex')])
  const oid = objectOid('tree', Buffer.concat(body))
  oids.set(path, oid)
  return oid
}

const objectOid = (type: string, body: Uint8Array): GitOid =>
  asGitOid(createHash('sha1').update(`${type} ${body.length}\0`).update(body).digest('hex'))
